"""What an Alertmanager does with an alert, computed from its configuration: ours or anybody's. Pure."""
