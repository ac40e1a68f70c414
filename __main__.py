"""``python -m twopeaks``: the command."""

from twopeaks.validate.cli.app import main

if __name__ == "__main__":
    main()
