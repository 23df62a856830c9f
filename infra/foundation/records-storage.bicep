// The storage of records, backups and copies.
//
// Nothing here deletes a current blob that the app relies on: when a backup goes, the plan's retention says and
// the app does (docs/retention.md). What the rules below delete are versions that were replaced or deleted
// before, and the notes of rebuilds and dry runs, which nothing reads afterwards. Azure counts a version's days
// from when it was first written, so a backup that is pruned after more than versionDays has no version left to
// wait: soft delete alone brings it back.

@description('Name of the account.')
param name string

@description('Region of the account.')
param location string

@description('Tags of the account.')
param tags object

@description('Redundancy.')
param sku string

@description('Container of the records.')
param recordsContainer string

@description('Containers of backups and copies.')
param backupContainers array

@description('For how many days what was deleted can be brought back.')
param softDeleteDays int

@description('How old a version may become that was replaced or deleted, from when it was first written.')
param versionDays int

@description('For how many days nobody may delete or replace a backup; 0 for no such policy.')
param immutabilityDays int

@description('Whether only private endpoints and trusted Azure services are let in.')
param isClosed bool

var immutableContainers = immutabilityDays > 0 ? backupContainers : []

// Closed is Deny with public network access Enabled, not Disabled: API Management writes its backup with its
// system-assigned identity as a trusted service, over the public endpoint. See docs/rights.md.
resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: 'Enabled'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isClosed ? 'Deny' : 'Allow'
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
    // API Management asks for none: each deployment takes away what somebody has added
    cors: {
      corsRules: []
    }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [
  for container in concat([recordsContainer], backupContainers): {
    parent: blobs
    name: container
    properties: {
      publicAccess: 'None'
    }
  }
]

// No rule tiers anything: a backup in the archive could not be restored.
resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: account
  name: 'default'
  dependsOn: [
    blobs
  ]
  properties: {
    policy: {
      rules: [
        {
          name: 'oldVersions'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
            }
            actions: {
              version: {
                delete: {
                  daysAfterCreationGreaterThan: versionDays
                }
              }
            }
          }
        }
        {
          name: 'notesThatNobodyReads'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                '${recordsContainer}/rebuilds/'
                '${recordsContainer}/dry-runs/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: versionDays
                }
              }
            }
          }
        }
      ]
    }
  }
}

// Not on the records: they are written anew. Not locked: only a person should do what nobody can take back.
// Until its days are over a backup cannot be pruned; the app tries again with each run, and lets no further
// points go while 20 wait. So the days have to be fewer than those of the plan's retention.
resource immutability 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2024-01-01' = [
  for (container, i) in immutableContainers: {
    parent: containers[i + 1] // the first one is that of the records
    name: 'default'
    properties: {
      immutabilityPeriodSinceCreationInDays: immutabilityDays
      allowProtectedAppendWrites: false
    }
  }
]

@description('ARM id.')
output id string = account.id
