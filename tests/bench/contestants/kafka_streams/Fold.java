import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.OffsetDateTime;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** The work-order fold (created, counted) on Kafka Streams: one thread, in-memory store with changelog and cache. */
public class Fold {
    static final ObjectMapper JSON = new ObjectMapper()
        .registerModule(new JavaTimeModule())
        .setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
        .setSerializationInclusion(JsonInclude.Include.NON_NULL)
        .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS)
        .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
        .disable(DeserializationFeature.ADJUST_DATES_TO_CONTEXT_TIME_ZONE);

    static class Envelope<P> {
        public String version = "1.0", messageId, type, tenantId, sourceSystem, destinationSystem = "MRAOS";
        public String correlationId, source;
        public OffsetDateTime timestamp, receivedAt;
        public long position;
        public boolean late;
        public P payload;
    }

    @JsonIgnoreProperties(ignoreUnknown = true)
    static class TypeOf {
        public String type;
    }

    static class Created {
        public String workOrderId, erpWorkOrderId, productId, unitOfMeasure = "EA", priority = "normal";
        public BigDecimal quantityOrdered;
        public OffsetDateTime dueDate;
    }

    static class Counted {
        public String workOrderId, machineId, logId, qualityStatus;
        public long units, scrappedUnits, unitsReported, cumulativeUnits, counterEpoch;
        public Double cycleTimeSeconds;
    }

    static class CreatedMessage extends Envelope<Created> {}

    static class CountedMessage extends Envelope<Counted> {}

    static class Progressed extends Counted {
        public long version, quantityProduced, quantityScrapped;
        public String status;
        public double progressPercentage;
    }

    static class Order {
        public long offset, version, quantityProduced, quantityScrapped;
        public Map<String, Long> heard = new HashMap<>();
        public String workOrderId, erpWorkOrderId, productId, unitOfMeasure, priority, status = "received";
        public BigDecimal quantityOrdered;
        public OffsetDateTime dueDate, actualStartAt, actualEndAt;
    }

    static final ObjectReader TYPE = JSON.readerFor(TypeOf.class), COUNTED = JSON.readerFor(CountedMessage.class);
    static final ObjectReader CREATED = JSON.readerFor(CreatedMessage.class), ORDER = JSON.readerFor(Order.class);
    static final ObjectWriter WRITER = JSON.writer();

    static byte[] bytes(Object value) {
        try {
            return WRITER.writeValueAsBytes(value);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static <T> T read(ObjectReader reader, byte[] value) {
        try {
            return value == null ? null : reader.readValue(value);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static class WorkOrders implements Processor<String, byte[], String, byte[]> {
        private ProcessorContext<String, byte[]> context;
        private KeyValueStore<String, Order> orders;

        @Override
        public void init(ProcessorContext<String, byte[]> context) {
            this.context = context;
            this.orders = context.getStateStore("orders");
        }

        @Override
        public void process(Record<String, byte[]> record) {
            long offset = context.recordMetadata().get().offset();
            Order order = orders.get(record.key());
            if (order != null && offset <= order.offset) return;
            String type = Fold.<TypeOf>read(TYPE, record.value()).type;
            if (type.equals("erp.work_order_created")) create(record, offset, Fold.read(CREATED, record.value()));
            else count(record, offset, order, Fold.read(COUNTED, record.value()));
        }

        private void create(Record<String, byte[]> record, long offset, CreatedMessage said) {
            Order order = new Order();
            order.workOrderId = said.payload.workOrderId;
            order.erpWorkOrderId = said.payload.erpWorkOrderId;
            order.productId = said.payload.productId;
            order.unitOfMeasure = said.payload.unitOfMeasure;
            order.priority = said.payload.priority;
            order.quantityOrdered = said.payload.quantityOrdered;
            order.dueDate = said.payload.dueDate;
            order.version = 1;
            publish(record, offset, said, order, order, "work_order.received");
            remember(record.key(), offset, said, order);
        }

        private void count(Record<String, byte[]> record, long offset, Order order, CountedMessage said) {
            if (order == null) throw new IllegalStateException("unknown order " + record.key());
            if (said.position <= order.heard.getOrDefault(said.source, -1L)) return;
            if (!record.key().equals(said.tenantId + "/" + said.payload.workOrderId)) throw new IllegalStateException();
            order.quantityProduced += said.payload.units;
            order.quantityScrapped += said.payload.scrappedUnits;
            if (order.actualStartAt == null) {
                order.actualStartAt = said.timestamp;
                order.status = "in_progress";
                order.version++;
                publish(record, offset, said, order, order, "work_order.changed");
            }
            order.version++;
            Progressed event = new Progressed();
            Counted told = said.payload;
            event.workOrderId = told.workOrderId;
            event.machineId = told.machineId;
            event.logId = told.logId;
            event.qualityStatus = told.qualityStatus;
            event.units = told.units;
            event.scrappedUnits = told.scrappedUnits;
            event.unitsReported = told.unitsReported;
            event.cumulativeUnits = told.cumulativeUnits;
            event.counterEpoch = told.counterEpoch;
            event.cycleTimeSeconds = told.cycleTimeSeconds;
            event.version = order.version;
            event.status = order.status;
            event.quantityProduced = order.quantityProduced;
            event.quantityScrapped = order.quantityScrapped;
            double percentage = 100.0 * order.quantityProduced / order.quantityOrdered.doubleValue();
            event.progressPercentage = Math.min(100.0, Math.round(percentage * 100) / 100.0);
            publish(record, offset, said, order, event, "work_order.progressed");
            remember(record.key(), offset, said, order);
        }

        private void remember(String key, long offset, Envelope<?> said, Order order) {
            order.offset = offset;
            order.heard.put(said.source, said.position);
            orders.put(key, order);
        }

        private void publish(
            Record<String, byte[]> record, long offset, Envelope<?> cause, Order order, Object payload, String type
        ) {
            Envelope<Object> said = new Envelope<>();
            said.messageId = "work_orders-" + context.recordMetadata().get().partition() + "-" + offset + "-" + type;
            said.type = type;
            said.tenantId = cause.tenantId;
            said.timestamp = cause.timestamp;
            said.sourceSystem = "MRAOS";
            said.correlationId = cause.correlationId;
            said.source = context.recordMetadata().get().topic() + "-" + context.recordMetadata().get().partition();
            said.position = offset * 16;
            said.receivedAt = cause.receivedAt;
            said.late = cause.late;
            said.payload = payload;
            context.forward(record.withValue(bytes(said)));
        }
    }

    public static void main(String[] arguments) throws IOException {
        Map<String, String> told = System.getenv();
        Serde<Order> serde = Serdes.serdeFrom((topic, order) -> order == null ? null : bytes(order),
            (topic, value) -> Fold.read(ORDER, value));
        Topology topology = new Topology();
        topology.addSource("in", Serdes.String().deserializer(), Serdes.ByteArray().deserializer(), told.get("BENCH_INBOX"));
        topology.addProcessor("fold", WorkOrders::new, "in");
        topology.addStateStore(
            Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("orders"), Serdes.String(), serde).withCachingEnabled(),
            "fold");
        topology.addSink("out", told.get("BENCH_OUT"), Serdes.String().serializer(), Serdes.ByteArray().serializer(), "fold");
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, told.get("BENCH_GROUP"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, told.get("KAFKA_BOOTSTRAP"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 1);
        settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
        settings.put(StreamsConfig.STATE_DIR_CONFIG, Files.createTempDirectory("kafka-streams-").toString());
        settings.put(StreamsConfig.producerPrefix("linger.ms"), 5);
        settings.put(StreamsConfig.producerPrefix("compression.type"), "lz4");
        settings.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        KafkaStreams streams = new KafkaStreams(topology, settings);
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
    }
}
