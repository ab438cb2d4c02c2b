"""The monitored system: a healthcare appointment service on MongoDB and Redis. It knows nothing of the monitor."""
