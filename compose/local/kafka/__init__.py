"""Apache Kafka in KRaft mode from its own jars: one broker, or three."""
