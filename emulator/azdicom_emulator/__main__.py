"""`python -m azdicom_emulator` is `azdicom`."""

from azdicom_emulator.cli import main

main(prog_name="azdicom")
