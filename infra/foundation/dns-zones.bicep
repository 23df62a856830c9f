// Names of storage accounts that lead to their private endpoints, for whoever is in the network.

@description('ARM id of the network.')
param vnetId string

@description('Tags of the zones.')
param tags object

var services = [
  'blob'
  'queue'
  'table'
]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for service in services: {
    name: 'privatelink.${service}.${environment().suffixes.storage}'
    location: 'global'
    tags: tags
  }
]

// NxDomainRedirect: an account whose private endpoint is in another network keeps its public address here, such
// as that of the other region's records.
resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (service, i) in services: {
    parent: zones[i]
    name: 'apim-dr'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      resolutionPolicy: 'NxDomainRedirect'
      virtualNetwork: {
        id: vnetId
      }
    }
  }
]
