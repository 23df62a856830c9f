// The alert rules: what each asks, how bad it is, and where docs/monitoring.md says what to do.

@description('Name of the azd environment.')
param environmentName string

@description('Region; services and standbys of other regions are watched by their own app\'s alerts.')
param location string

@description('Tags.')
param tags object

@description('Resource id of the workspace that the rules ask.')
param workspaceId string

@description('Resource id of the action group that is told.')
param actionGroupId string

@description('The plan, for the names of the services and how old their restore points may become.')
param plan object

// A log alert looks back two days at most; a service that may go longer without a restore point has no alert.
var lookBackHours = 48
var defaults = plan.?defaults ?? {}
var named = plan.?services ?? []
var services = [for service in named: {
  name: service.name
  region: toLower(replace(service.region, ' ', ''))
  hours: contains(service, 'rpoHours') ? service.rpoHours ?? 30 : defaults.?rpoHours ?? 30
  paused: contains(service, 'paused') ? service.paused : defaults.?paused
  standbyRegion: toLower(replace(service.?standby.?region ?? '', ' ', ''))
  standbyHours: service.?standby.?rpoHours ?? 36
}]
var region = toLower(replace(location, ' ', ''))
var backedUpHere = filter(services, service => service.region == region && service.hours <= lookBackHours)
var standingByHere = filter(services, service => service.standbyRegion == region && service.standbyHours <= lookBackHours)
var forEver = '2999-01-01T00:00:00Z'
var expectedPoints = [for service in backedUpHere: {
  service: service.name
  hours: service.hours
  pausedUntil: service.?paused == null ? '' : service.?paused.?until ?? forEver
}]
var expectedReplicas = [for service in standingByHere: {
  service: service.name
  hours: service.standbyHours
  pausedUntil: service.?paused == null ? '' : service.?paused.?until ?? forEver
}]
var heartbeatHours = defaults.?rpoHours ?? 30

// `lasts`: the rule stays fired until its query finds nothing any more. The others tell each event once: their
// queries take what has come in since the last look, of an hour, because a line may come in late.
var rules = [
  {
    name: 'restore-point-missing'
    title: 'No new restore point'
    severity: 1
    enabled: !empty(expectedPoints)
    query: replace(loadTextContent('queries/restore-point-missing.kql'), '["__EXPECTED__"]', string(expectedPoints))
    lookBack: 'P2D'
    frequency: 'PT1H'
    lasts: true
    splitBy: ['service']
    threshold: 0
    does: 'A service has had no new restore point for longer than its RPO. What to do: docs/monitoring.md#no-new-restore-point'
  }
  {
    name: 'night-missing'
    title: 'No night'
    severity: 1
    enabled: heartbeatHours <= lookBackHours
    query: replace(loadTextContent('queries/night-missing.kql'), '__HOURS__', string(heartbeatHours))
    lookBack: 'P2D'
    frequency: 'PT1H'
    lasts: true
    splitBy: []
    threshold: 0
    does: 'No night of the timer has ended: the app does not run, or cannot work. What to do: docs/monitoring.md#no-night'
  }
  {
    name: 'replica-missing'
    title: 'Nothing new at the standby'
    severity: 1
    enabled: !empty(expectedReplicas)
    query: replace(loadTextContent('queries/replica-missing.kql'), '["__EXPECTED__"]', string(expectedReplicas))
    lookBack: 'P2D'
    frequency: 'PT1H'
    lasts: true
    splitBy: ['service']
    threshold: 0
    does: 'A standby of this region holds nothing new for longer than its RPO. What to do: docs/monitoring.md#nothing-new-at-the-standby'
  }
  {
    name: 'configuration-invalid'
    title: 'Settings or plan not usable'
    severity: 1
    enabled: true
    query: loadTextContent('queries/configuration-invalid.kql')
    lookBack: 'PT1H'
    frequency: 'PT15M'
    lasts: true
    splitBy: []
    threshold: 0
    does: 'The app runs and can do nothing: its settings or its plan have faults. What to do: docs/monitoring.md#settings-or-plan-not-usable'
  }
  {
    name: 'run-failed'
    title: 'A run without success'
    severity: 2
    enabled: true
    query: loadTextContent('queries/run-failed.kql')
    lookBack: 'PT1H'
    frequency: 'PT15M'
    lasts: false
    splitBy: ['event', 'service']
    threshold: 0
    does: 'A backup, restore, replication or drill did not end as Succeeded. What to do: docs/monitoring.md#a-run-without-success'
  }
  {
    name: 'replication-failed'
    title: 'Replication gave up'
    severity: 2
    enabled: true
    query: loadTextContent('queries/replication-failed.kql')
    lookBack: 'PT1H'
    frequency: 'PT15M'
    lasts: false
    splitBy: ['event', 'service']
    threshold: 0
    does: 'A restore point was tried three times and did not come to the standby. What to do: docs/monitoring.md#replication-gave-up'
  }
  {
    name: 'drill-failed'
    title: 'Drills'
    severity: 2
    enabled: true
    query: loadTextContent('queries/drill-failed.kql')
    lookBack: 'PT1H'
    frequency: 'PT15M'
    lasts: false
    splitBy: ['event', 'service']
    threshold: 0
    does: 'A drill failed or took longer than its RTO, or no good one was held for too long. What to do: docs/monitoring.md#drills'
  }
  {
    name: 'tried-in-vain'
    title: 'Tried again and again in vain'
    severity: 2
    enabled: true
    query: loadTextContent('queries/tried-in-vain.kql')
    lookBack: 'PT1H'
    frequency: 'PT15M'
    lasts: true
    splitBy: ['event', 'service']
    threshold: 0
    does: 'The app cannot look after a run, a message, a region, a copy or a record. What to do: docs/monitoring.md#tried-again-and-again-in-vain'
  }
  {
    name: 'orchestration-failed'
    title: 'An orchestration failed'
    severity: 2
    enabled: true
    query: loadTextContent('queries/orchestration-failed.kql')
    lookBack: 'PT1H'
    frequency: 'PT15M'
    lasts: false
    splitBy: ['functionName']
    threshold: 0
    does: 'An orchestration ended with an error that nothing expected. What to do: docs/monitoring.md#an-orchestration-failed'
  }
  {
    name: 'host-errors'
    title: 'Errors of the host'
    severity: 2
    enabled: true
    query: loadTextContent('queries/host-errors.kql')
    lookBack: 'PT1H'
    frequency: 'PT15M'
    lasts: true
    splitBy: []
    threshold: 10
    does: 'More than ten exceptions or errors of the Functions host in an hour. What to do: docs/monitoring.md#errors-of-the-host'
  }
  {
    name: 'waits-for-somebody'
    title: 'Waits for somebody'
    severity: 3
    enabled: true
    query: loadTextContent('queries/waits-for-somebody.kql')
    lookBack: 'PT1H'
    frequency: 'PT15M'
    lasts: false
    splitBy: ['event', 'service']
    threshold: 0
    does: 'A restore point is held back, or a service is protected no more. What to do: docs/monitoring.md#waits-for-somebody'
  }
  {
    name: 'housekeeping-failed'
    title: 'Housekeeping'
    severity: 3
    enabled: true
    query: loadTextContent('queries/housekeeping-failed.kql')
    lookBack: 'PT1H'
    frequency: 'PT15M'
    lasts: false
    splitBy: ['event', 'service']
    threshold: 0
    does: 'Pruning or the export of usage data failed; backups are not concerned. What to do: docs/monitoring.md#housekeeping'
  }
]

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [for rule in rules: {
  name: 'apim-dr-${environmentName}-${rule.name}'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'apim-dr ${environmentName}: ${rule.title}'
    description: rule.does
    severity: rule.severity
    enabled: rule.enabled
    scopes: [workspaceId]
    evaluationFrequency: rule.frequency
    windowSize: rule.lookBack
    autoMitigate: rule.lasts
    skipQueryValidation: true // a new workspace has no rows and maybe no tables yet
    criteria: {
      allOf: [
        {
          query: rule.query
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: rule.threshold
          dimensions: [for column in rule.splitBy: { name: column, operator: 'Include', values: ['*'] }]
          failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
        }
      ]
    }
    actions: { actionGroups: [actionGroupId] }
  }
}]
