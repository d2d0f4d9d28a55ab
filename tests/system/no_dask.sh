#!/bin/sh
# A Python without the package distributed, for a test.
exit 1
