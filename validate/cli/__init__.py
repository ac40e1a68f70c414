"""The command `twopeaks`: options in, one request out. Only here is sys.argv read, text printed, an exit code set."""
