"""
The hooks of a deployment: what has to stay is made before `azd` makes the rest, and outlives `azd down`.

Runs on the machine of whoever deploys, never in Azure. Imports `shared.core` of the app and nothing else of
it; nothing imports this package. Everything about Azure goes through the programs `az` and `azd`.
docs/adr/0014-what-stays-and-what-goes.md says why there are two templates.
"""
