"""Becomes another user and then another program: `python -m compose.local.run_as postgres initdb …`."""

import os
import pwd
import sys


def main(user: str, command: list[str]) -> None:
    """Give up root for good and replace this process by the command; the process id stays."""
    account = pwd.getpwnam(user)
    os.initgroups(user, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)
    os.chdir("/")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
