"""Will this run grok, and when? From the first part of its curve."""
