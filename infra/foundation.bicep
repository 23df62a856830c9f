// What has state or rights: identities, storage, events, roles, an optional network.
//
// It is deployed apart from main.bicep and unknown to `azd down`, which deletes every resource group in which
// the last deployment of azd touched anything. See docs/adr/0014-what-stays-and-what-goes.md. Who gets which
// right, and why, is in docs/rights.md.
targetScope = 'subscription'

type ServiceAccess = {
  subscriptionId: string
  resourceGroup: string
  name: string
  roles: array
}

type SubscriptionAccess = {
  subscriptionId: string
  roles: array
}

type ContainerAccess = {
  subscriptionId: string
  resourceGroup: string
  account: string
  container: string
  principalId: string
  role: string
}

type AccountAccess = {
  subscriptionId: string
  resourceGroup: string
  account: string
}

type RecordSource = {
  subscriptionId: string
  resourceGroup: string
  topicName: string
  container: string
}

type ChangeSource = {
  subscriptionId: string
  resourceGroup: string
  topicName: string
}

@description('Name of the environment; part of most names. Two apps, for instance of two regions, are two environments.')
@minLength(1)
@maxLength(20)
param environmentName string

@description('Region of the app, its records and its host storage.')
param location string

@description('Name of the storage account of the Functions host, unique in all of Azure.')
@minLength(3)
@maxLength(24)
param hostStorageName string = 'st${uniqueString(subscription().id, environmentName, location)}'

@description('Name of the storage account of the records, as the plan has it for this region.')
@minLength(3)
@maxLength(24)
param recordsAccount string

@description('Whether that account is made here. One that exists is left as it is: versioning, soft delete and events are then up to its owner.')
param createRecordsAccount bool

@description('Container of the records.')
@minLength(3)
@maxLength(63)
param recordsContainer string = 'apim-dr'

@description('Containers of backups and copies that are made in the same account, if it is made here.')
param backupContainers string[] = []

@description('Redundancy of the records account. One with ZRS in it gives the host storage zones as well; geo-redundancy is for the records alone.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_RAGRS'
  'Standard_GZRS'
  'Standard_RAGZRS'
])
param storageSku string = 'Standard_ZRS'

@description('For how many days a deleted blob, version or container of the records account can be brought back.')
@minValue(1)
@maxValue(365)
param softDeleteDays int = 30

@description('How old a version may become that was replaced or deleted, counted from when it was first written: what is deleted at that age or later has its soft delete left only. Nothing goes by this in a container with an immutability policy, and no current backup, record or hold anywhere.')
@minValue(7)
param versionDays int = 60

@description('For how many days nobody may delete or replace a backup; 0 for no such policy. Not more than keepWithinDays of the plan. A later 0 takes none away.')
@minValue(0)
@maxValue(365)
param immutabilityDays int = 0

@description('Rights of the app on API Management services, by the names of the roles in foundation/roles.bicep.')
param serviceAccess ServiceAccess[] = []

@description('Rights of the app on whole subscriptions, for services that are discovered by tags.')
param discoverySubscriptions SubscriptionAccess[] = []

@description('Who may read (reader) or write (contributor) the blobs of a container; an empty principalId is the app. Containers made here are listed, too.')
param containerAccess ContainerAccess[] = []

@description('Storage accounts of backups whose settings the app may read before a backup.')
param accountAccess AccountAccess[] = []

@description('Subscriptions in which the custom roles are defined: each one that the rights above name.')
param roleSubscriptions string[] = []

@description('System topics on the records of regions whose services have their standby here, and the container of those records.')
param recordSources RecordSource[] = []

@description('System topic that the own records account has already, in the group of that account, with a system-assigned identity; empty to make one.')
param recordsTopicName string = ''

@description('Resource groups whose changes start backups. topicName is an existing system topic of the group, in the group, with a system-assigned identity; empty to make one.')
param changeSources ChangeSource[] = []

@description('Address range of a virtual network, at least a /25; empty for none. With one, storage lets in private endpoints and trusted Azure services only.')
param vnetAddressPrefix string = ''

var tags = {
  'apim-dr-env': environmentName
  'apim-dr-region': location
}
// Deployments of one name in one scope shut each other out, and one of a subscription is bound to its region.
var mark = '${environmentName}-${uniqueString(subscription().id, location)}'
var keptGroupName = 'rg-apim-dr-${environmentName}-keep'
var hasNetwork = !empty(vnetAddressPrefix)
var eventsQueue = 'apim-dr-events'
var changesQueue = 'apim-dr-changes'

// No tag azd-env-name: azd takes groups with it for its own.
resource keptGroup 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: keptGroupName
  location: location
  tags: tags
}

module identity 'foundation/identity.bicep' = {
  name: 'identity'
  scope: keptGroup
  params: {
    name: 'id-${environmentName}'
    location: location
    // the app of another region is found by them, and gets its rights on this region's storage
    tags: union(tags, { 'apim-dr-records': recordsAccount })
  }
}

// Storage.

module hostStorage 'foundation/host-storage.bicep' = {
  name: 'host-storage'
  scope: keptGroup
  params: {
    name: hostStorageName
    location: location
    tags: tags
    sku: contains(storageSku, 'ZRS') ? 'Standard_ZRS' : 'Standard_LRS'
    queues: [
      eventsQueue
      changesQueue
    ]
    isClosed: hasNetwork
  }
}

module hostAccess 'foundation/host-access.bicep' = {
  name: 'host-access'
  scope: keptGroup
  params: {
    storageName: hostStorage.outputs.name
    principalId: identity.outputs.principalId
  }
}

module recordsStorage 'foundation/records-storage.bicep' = if (createRecordsAccount) {
  name: 'records-storage'
  scope: keptGroup
  params: {
    name: recordsAccount
    location: location
    tags: tags
    sku: storageSku
    recordsContainer: recordsContainer
    backupContainers: backupContainers
    softDeleteDays: softDeleteDays
    versionDays: versionDays
    immutabilityDays: immutabilityDays
    isClosed: hasNetwork
  }
}

// Rights.

module roles 'foundation/roles.bicep' = [
  for (subscriptionId, i) in roleSubscriptions: {
    name: 'apim-dr-roles-${mark}-${i}'
    scope: subscription(subscriptionId)
  }
]

module serviceRights 'foundation/service-access.bicep' = [
  for (service, i) in serviceAccess: {
    name: 'apim-dr-service-${mark}-${i}'
    scope: resourceGroup(service.subscriptionId, service.resourceGroup)
    dependsOn: [
      roles
    ]
    params: {
      serviceName: service.name
      roles: service.roles
      principalId: identity.outputs.principalId
    }
  }
]

module subscriptionRights 'foundation/subscription-access.bicep' = [
  for (entry, i) in discoverySubscriptions: {
    name: 'apim-dr-discovery-${mark}-${i}'
    scope: subscription(entry.subscriptionId)
    dependsOn: [
      roles
    ]
    params: {
      roles: entry.roles
      principalId: identity.outputs.principalId
    }
  }
]

module containerRights 'foundation/container-access.bicep' = [
  for (entry, i) in containerAccess: {
    name: 'apim-dr-container-${mark}-${i}'
    scope: resourceGroup(entry.subscriptionId, entry.resourceGroup)
    dependsOn: [
      recordsStorage
    ]
    params: {
      accountName: entry.account
      containerName: entry.container
      role: entry.role
      principalId: empty(entry.principalId) ? identity.outputs.principalId : entry.principalId
    }
  }
]

module accountRights 'foundation/account-access.bicep' = [
  for (entry, i) in accountAccess: {
    name: 'apim-dr-account-${mark}-${i}'
    scope: resourceGroup(entry.subscriptionId, entry.resourceGroup)
    dependsOn: [
      recordsStorage
      roles
    ]
    params: {
      accountName: entry.account
      principalId: identity.outputs.principalId
    }
  }
]

// Events: a topic, the rights of its identity, and only then the subscription, which is refused without them.

module recordsTopic 'foundation/topic.bicep' = if (createRecordsAccount) {
  name: 'records-topic'
  scope: keptGroup
  params: {
    name: 'evgt-${environmentName}-records'
    existingName: recordsTopicName
    location: location
    tags: tags
    source: recordsStorage!.outputs.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

// The app hears of the records of every region whose services have their standby here.

module recordSourceTopics 'foundation/topic.bicep' = [
  for (source, i) in recordSources: {
    name: 'apim-dr-records-topic-${mark}-${i}'
    scope: resourceGroup(source.subscriptionId, source.resourceGroup)
    dependsOn: [
      recordsTopic
    ]
    params: {
      name: ''
      existingName: source.topicName
      location: ''
      tags: {}
      source: ''
      topicType: ''
    }
  }
]

module recordSourceRights 'foundation/topic-access.bicep' = [
  for (source, i) in recordSources: {
    name: 'records-topic-access-${i}'
    scope: keptGroup
    params: {
      storageName: hostStorage.outputs.name
      queueName: eventsQueue
      deadLetterContainer: hostStorage.outputs.deadLetterContainer
      principalId: recordSourceTopics[i].outputs.principalId
    }
  }
]

module recordEvents 'foundation/event-subscription.bicep' = [
  for (source, i) in recordSources: {
    name: 'apim-dr-records-${mark}-${i}'
    scope: resourceGroup(source.subscriptionId, source.resourceGroup)
    dependsOn: [
      recordSourceRights
    ]
    params: {
      topicName: source.topicName
      name: 'apim-dr-${environmentName}'
      storageId: hostStorage.outputs.id
      queueName: eventsQueue
      deadLetterContainer: hostStorage.outputs.deadLetterContainer
      eventTypes: [
        'Microsoft.Storage.BlobCreated'
      ]
      subjectBeginsWith: '/blobServices/default/containers/${source.container}/blobs/restore-points/'
    }
  }
]

module changeTopics 'foundation/topic.bicep' = [
  for (source, i) in changeSources: {
    name: 'apim-dr-topic-${mark}-${i}'
    scope: resourceGroup(source.subscriptionId, source.resourceGroup)
    params: {
      name: 'evgt-${environmentName}-changes'
      existingName: source.topicName
      location: 'global'
      tags: tags
      source: '/subscriptions/${source.subscriptionId}/resourceGroups/${source.resourceGroup}'
      topicType: 'Microsoft.Resources.ResourceGroups'
    }
  }
]

module changeTopicRights 'foundation/topic-access.bicep' = [
  for (source, i) in changeSources: {
    name: 'change-topic-access-${i}'
    scope: keptGroup
    params: {
      storageName: hostStorage.outputs.name
      queueName: changesQueue
      deadLetterContainer: hostStorage.outputs.deadLetterContainer
      principalId: changeTopics[i].outputs.principalId
    }
  }
]

module changeEvents 'foundation/event-subscription.bicep' = [
  for (source, i) in changeSources: {
    name: 'apim-dr-changes-${mark}-${i}'
    scope: resourceGroup(source.subscriptionId, source.resourceGroup)
    dependsOn: [
      changeTopicRights
    ]
    params: {
      topicName: changeTopics[i].outputs.name
      name: 'apim-dr-${environmentName}'
      storageId: hostStorage.outputs.id
      queueName: changesQueue
      deadLetterContainer: hostStorage.outputs.deadLetterContainer
      eventTypes: [
        'Microsoft.Resources.ResourceWriteSuccess'
        'Microsoft.Resources.ResourceDeleteSuccess'
      ]
      subjectBeginsWith: '/subscriptions/${source.subscriptionId}/resourceGroups/${source.resourceGroup}/providers/Microsoft.ApiManagement/service/'
    }
  }
]

// The network, if one is wanted.

module network 'foundation/network.bicep' = if (hasNetwork) {
  name: 'network'
  scope: keptGroup
  params: {
    name: 'vnet-${environmentName}'
    location: location
    tags: tags
    addressPrefix: vnetAddressPrefix
    appPrefix: hasNetwork ? cidrSubnet(vnetAddressPrefix, 26, 0) : ''
    endpointPrefix: hasNetwork ? cidrSubnet(vnetAddressPrefix, 27, 2) : ''
  }
}

module dnsZones 'foundation/dns-zones.bicep' = if (hasNetwork) {
  name: 'dns-zones'
  scope: keptGroup
  params: {
    vnetId: network!.outputs.vnetId
    tags: tags
  }
}

module hostEndpoints 'foundation/private-endpoints.bicep' = if (hasNetwork) {
  name: 'host-endpoints'
  scope: keptGroup
  dependsOn: [
    dnsZones
  ]
  params: {
    accountName: hostStorage.outputs.name
    services: [
      'blob'
      'queue'
      'table'
    ]
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
  }
}

module recordsEndpoints 'foundation/private-endpoints.bicep' = if (hasNetwork && createRecordsAccount) {
  name: 'records-endpoints'
  scope: keptGroup
  dependsOn: [
    dnsZones
    recordsStorage
  ]
  params: {
    accountName: recordsAccount
    services: [
      'blob'
    ]
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
  }
}

@description('ARM id of the identity of the app.')
output identityId string = identity.outputs.id

@description('Client id of the identity of the app.')
output identityClientId string = identity.outputs.clientId

@description('Principal id of the identity of the app, to which rights are given.')
output identityPrincipalId string = identity.outputs.principalId

@description('Name of the storage account of the Functions host.')
output hostStorageName string = hostStorage.outputs.name

@description('URL of the container of the deployment package.')
output deploymentContainerUrl string = hostStorage.outputs.deploymentContainerUrl

@description('ARM id of the records account; empty if it was not made here.')
output recordsAccountId string = createRecordsAccount ? recordsStorage!.outputs.id : ''

@description('ARM id of the subnet of the app; empty without a network.')
output subnetId string = hasNetwork ? network!.outputs.appSubnetId : ''

@description('Name of the resource group that `azd down` leaves alone.')
output keptResourceGroup string = keptGroupName
