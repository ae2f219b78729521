"""Which distance tells artists apart: works by the same artist, retrieved by every metric alike."""
