"""`python -m benchmarks`; a worker process imports this file again and must find nothing to do."""

if __name__ == "__main__":
    import sys

    from benchmarks.cli import main

    sys.exit(main())
