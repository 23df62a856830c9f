"""All contact with the world: tokens, Azure Resource Manager, blobs, Durable's client, the clock."""
