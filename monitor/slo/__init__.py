"""Pure: windows, SLI to PromQL, and samples to compliance."""
