"""Every JSON shape of the HTTP API: camelCase outside, snake_case inside."""
