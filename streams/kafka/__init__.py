"""Kafka by confluent-kafka: producer, consumer, admin."""
