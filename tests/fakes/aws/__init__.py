"""A stand-in for the parts of AWS that pullthrough talks to. README.md says how to run it."""
