#!/usr/bin/env python3
"""Records what is deployed, unless somebody with a newer fence has done so:

    mesh run deploy:production -- docs/examples/record.py DATABASE VERSION
"""

import os
import sqlite3
import sys

SCHEMA = """
CREATE TABLE IF NOT EXISTS deployed (
    resource TEXT PRIMARY KEY,
    version  TEXT NOT NULL,
    fence    INTEGER NOT NULL
)"""

# The comparison is part of the statement that writes: there is no moment between them. The
# same fence may write again, so that a holder can write more than once.
WRITE = """
INSERT INTO deployed (resource, version, fence) VALUES (:resource, :version, :fence)
ON CONFLICT (resource) DO
UPDATE SET version = :version, fence = :fence WHERE fence <= :fence"""


def main(database, version):
    resource, fence = os.environ["MESH_RESOURCE"], int(os.environ["MESH_FENCE"])
    connection = sqlite3.connect(database)
    with connection:
        connection.execute(SCHEMA)
        row = {"resource": resource, "version": version, "fence": fence}
        written = connection.execute(WRITE, row).rowcount
    if written == 0:
        sys.exit(f"{version} is refused: {resource} was written under a fence above {fence}")
    print(f"{resource} is {version} now, under fence {fence}")


main(*sys.argv[1:])
