// The identity of the app. User-assigned, so that its rights outlive the app and are there before it.

@description('Name of the identity.')
param name string

@description('Region of the identity.')
param location string

@description('Tags; apim-dr-region tells the app of one region from that of another.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

@description('ARM id.')
output id string = identity.id

@description('Client id, with which the app asks for tokens.')
output clientId string = identity.properties.clientId

@description('Principal id, to which rights are given.')
output principalId string = identity.properties.principalId
