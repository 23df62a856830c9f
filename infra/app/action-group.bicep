// Who is told when an alert fires. Each deployment writes it anew: docs/monitoring.md says where others go.

@description('Name of the action group.')
param name string

@description('Tags.')
param tags object

@description('Address for mails; empty for none.')
param email string

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: name
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'apim-dr'
    enabled: true
    emailReceivers: empty(email) ? [] : [{ name: 'email', emailAddress: email, useCommonAlertSchema: true }]
  }
}

@description('Resource id of the action group.')
output id string = actionGroup.id
