using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Schedulers;

namespace Microsoft.ML.Generative.Images.Diffusion.Schedulers;

/// <summary>Samplers as diffusers writes them to <c>scheduler_config.json</c>.</summary>
internal static class SchedulerConfig
{
    private const string ClassName = "_class_name";
    private const string TrainTimesteps = "num_train_timesteps";

    /// <summary>How options become members of a configuration.</summary>
    public static JsonSerializerOptions Json { get; } = CreateJson();

    public static JsonObject Write(NoiseSchedulerOptions options)
    {
        SchedulerKind kind = SchedulerKinds.Of(options);
        var json = new JsonObject { [ClassName] = kind.ClassName };
        foreach ((string name, JsonNode? value) in JsonSerializer.SerializeToNode(Known(options.Schedule, kind), Json)!.AsObject())
        {
            if (kind.HasBetas || name == TrainTimesteps)
                json[name] = value?.DeepClone();
        }

        foreach ((string name, JsonNode? value) in JsonSerializer.SerializeToNode(options, options.GetType(), Json)!.AsObject())
        {
            // JSON has no infinity; where it is an option, it is the default.
            if (kind.HasMember(name) && !IsInfinity(value))
                json[name] = value?.DeepClone();
        }

        return json;
    }

    // Only one class of diffusers has the logistic schedule; all take variances one by one.
    private static NoiseScheduleOptions Known(NoiseScheduleOptions schedule, SchedulerKind kind) =>
        schedule is { BetaSchedule: NoiseScheduleKind.Sigmoid, TrainedBetas: null }
        && kind is { HasBetas: true, HasLogisticSchedule: false }
            ? schedule with
            {
                BetaSchedule = NoiseScheduleKind.Linear,
                TrainedBetas = new NoiseSchedule(schedule with { RescaleBetasZeroSnr = false }).Betas,
            }
            : schedule;

    private static bool IsInfinity(JsonNode? value) =>
        value?.GetValueKind() == JsonValueKind.String && value.GetValue<string>() is PythonInfinity.Positive or PythonInfinity.Negative;

    /// <inheritdoc cref="NoiseScheduler.FromConfig"/>
    public static NoiseScheduler Read(JsonObject config, Action<string> warn)
    {
        string name = (config[ClassName] as JsonValue)?.GetValueKind() == JsonValueKind.String
            ? config[ClassName]!.GetValue<string>()
            : "";
        SchedulerKind kind = SchedulerKinds.Find(name) ?? throw new InvalidDataException(
            $"The scheduler's '{ClassName}' is {Quoted.Text(name)}; supported values: "
            + $"{string.Join(", ", SchedulerKinds.All.Select(k => k.ClassName))}.");
        var schedule = (JsonObject)JsonSerializer.SerializeToNode(kind.Default.Schedule, Json)!;
        var own = new JsonObject();
        foreach ((string key, JsonNode? value) in config)
        {
            if (key.StartsWith('_'))
                continue;
            if (kind.FixedMembers.FirstOrDefault(f => f.Key == key) is { Key: not null } known)
                CheckFixed(key, value, known.Value);
            else if (schedule.ContainsKey(key) && (kind.HasBetas || key == TrainTimesteps))
                schedule[key] = value?.DeepClone() ?? schedule[key]?.DeepClone();
            else if (kind.HasMember(key))
                Add(own, key, value);
            else
                warn($"The scheduler's configuration has the member {Quoted.Text(key)}, which {name} does not have; it is ignored.");
        }

        try
        {
            var options = (NoiseSchedulerOptions)JsonSerializer.Deserialize(own, kind.Default.GetType(), Json)!;
            // diffusers takes as many timesteps as there are betas.
            var betas = schedule.Deserialize<NoiseScheduleOptions>(Json)!;
            if (betas.TrainedBetas is { } trained)
                betas = betas with { TrainTimesteps = trained.Count };
            return kind.Create(options with { Schedule = betas });
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new InvalidDataException($"The configuration of {name} is not usable: {Quoted.Message(e)}", e);
        }
    }

    private static void Add(JsonObject own, string key, JsonNode? value)
    {
        if (value is not null)
            own[key] = value.DeepClone();
    }

    private static void CheckFixed(string key, JsonNode? value, JsonNode? known)
    {
        // What only matters together with a member that is refused may be anything.
        bool isAny = known is null
            && key is "flow_shift" or "time_shift_type" or "base_shift" or "max_shift" or "base_image_seq_len" or "max_image_seq_len";
        if (value is not null && !isAny && !JsonNode.DeepEquals(value, known))
            throw new InvalidDataException(
                $"The scheduler's '{key}' is {Quoted.Text(value.ToJsonString())}; supported value: {known?.ToJsonString() ?? "null"}.");
    }

    private static JsonSerializerOptions CreateJson()
    {
        var options = new JsonSerializerOptions
        {
            NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            AllowDuplicateProperties = false,
        };
        options.Converters.Add(new JsonStringEnumConverter(namingPolicy: null, allowIntegerValues: false));
        options.Converters.Add(new PythonInfinity());
        return options;
    }

    // Python writes −∞ as -Infinity, or diffusers as a text.
    private sealed class PythonInfinity : JsonConverter<double>
    {
        public const string Positive = "inf";
        public const string Negative = "-inf";

        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            reader.TokenType == JsonTokenType.String
            ? reader.GetString() switch
            {
                "-Infinity" or Negative => double.NegativeInfinity,
                "Infinity" or Positive => double.PositiveInfinity,
                var text => throw new JsonException($"'{text}' is no number."),
            }
            : reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
                writer.WriteNumberValue(value);
            else
                writer.WriteStringValue(value > 0 ? Positive : Negative);
        }
    }
}
