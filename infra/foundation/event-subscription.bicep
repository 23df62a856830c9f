// Events of one topic into a queue of the app, in Event Grid's own schema, as shared/core/events.py and
// change_events.py read them. Storage queues get them in base64, which is what host.json says.

@description('Name of the topic, in the group of this deployment.')
param topicName string

@description('Name of the event subscription.')
param name string

@description('ARM id of the storage account of the queue.')
param storageId string

@description('Name of the queue.')
param queueName string

@description('Name of the container, in the same account, of events that could not be delivered.')
param deadLetterContainer string

@description('Types of the events.')
param eventTypes array

@description('What the subject of an event begins with, without regard to case.')
param subjectBeginsWith string

resource topic 'Microsoft.EventGrid/systemTopics@2022-06-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2022-06-15' = {
  parent: topic
  name: name
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: eventTypes
      subjectBeginsWith: subjectBeginsWith
      isSubjectCaseSensitive: false
    }
    deliveryWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      destination: {
        endpointType: 'StorageQueue'
        properties: {
          resourceId: storageId
          queueName: queueName
        }
      }
    }
    deadLetterWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: {
          resourceId: storageId
          blobContainerName: deadLetterContainer
        }
      }
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}
