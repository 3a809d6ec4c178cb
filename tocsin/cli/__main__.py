"""`python -m tocsin.cli`: the same as the `tocsin` command, for where no script is installed."""

from tocsin.cli import main

if __name__ == "__main__":
    main()
