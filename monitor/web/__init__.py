"""The console, the API and the alert receiver: `monitor serve`."""
