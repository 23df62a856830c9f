// The system topic of one source, or one that the source has already: Event Grid allows one for each source.
//
// Its own system-assigned identity delivers: a user-assigned one does not pass the firewall of a storage account.

@description('Name of the topic if it is made here.')
param name string

@description('Name of the topic that the source has, in the group of this deployment and with a system-assigned identity; empty to make one.')
param existingName string

@description('Region of the source; global for a resource group.')
param location string

@description('Tags of a topic that is made here.')
param tags object

@description('ARM id of the source, in the subscription of this deployment.')
param source string

@description('Type of the topic.')
param topicType string

resource made 'Microsoft.EventGrid/systemTopics@2022-06-15' = if (empty(existingName)) {
  name: name
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: source
    topicType: topicType
  }
}

resource found 'Microsoft.EventGrid/systemTopics@2022-06-15' existing = if (!empty(existingName)) {
  name: existingName
}

@description('Name of the topic.')
output name string = empty(existingName) ? name : existingName

@description('Principal id of the identity with which the topic delivers.')
output principalId string = empty(existingName) ? made!.identity.principalId : found!.identity.principalId
