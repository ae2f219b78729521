"""`python -m restyle` is `restyle`."""

from restyle.cli import main

main()
