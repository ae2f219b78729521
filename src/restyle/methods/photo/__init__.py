"""The method `photo`: the color and light of one photo on another."""
