"""`python -m merx.cli`: the command without its installed script."""

from merx.cli import main

main()
