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

    private static readonly JsonSerializerOptions _json = CreateJson();

    private static readonly Kind[] _kinds =
    [
        Kind.Of<DdpmSchedulerOptions>("DDPMScheduler", options => new DdpmScheduler(options)),
        Kind.Of<DdimSchedulerOptions>("DDIMScheduler", options => new DdimScheduler(options)),
        Kind.Of<DdimInverseSchedulerOptions>("DDIMInverseScheduler", options => new DdimInverseScheduler(options)),
        Kind.Of<PndmSchedulerOptions>("PNDMScheduler", options => new PndmScheduler(options)),
        Kind.Of<LmsSchedulerOptions>("LMSDiscreteScheduler", options => new LmsScheduler(options), ("use_beta_sigmas", false)),
        Kind.Of<EulerSchedulerOptions>(
            "EulerDiscreteScheduler", options => new EulerScheduler(options),
            ("use_beta_sigmas", false), ("interpolation_type", "linear"), ("timestep_type", "discrete")),
        Kind.Of<EulerAncestralSchedulerOptions>("EulerAncestralDiscreteScheduler", options => new EulerAncestralScheduler(options)),
        Kind.Of<HeunSchedulerOptions>("HeunDiscreteScheduler", options => new HeunScheduler(options), ("use_beta_sigmas", false)),
        Kind.Of<DpmSolverMultistepSchedulerOptions>(
            "DPMSolverMultistepScheduler", options => new DpmSolverMultistepScheduler(options),
            ("use_beta_sigmas", false), ("use_flow_sigmas", false), ("flow_shift", null), ("use_dynamic_shifting", false), ("time_shift_type", null)),
        Kind.Of<UniPcSchedulerOptions>(
            "UniPCMultistepScheduler", options => new UniPcScheduler(options),
            ("use_beta_sigmas", false), ("use_flow_sigmas", false), ("flow_shift", null), ("use_dynamic_shifting", false), ("time_shift_type", null),
            ("solver_p", null), ("sigma_min", null), ("sigma_max", null), ("shift_terminal", null)),
        Kind.Of<FlowMatchEulerSchedulerOptions>(
            "FlowMatchEulerDiscreteScheduler", options => new FlowMatchEulerScheduler(options),
            ("use_beta_sigmas", false), ("use_dynamic_shifting", false), ("invert_sigmas", false),
            ("base_shift", null), ("max_shift", null), ("base_image_seq_len", null), ("max_image_seq_len", null), ("time_shift_type", null)),
    ];

    public static NoiseScheduler Create(NoiseSchedulerOptions options) => _kinds.First(kind => kind.Options == options.GetType()).Create(options);

    public static JsonObject Write(NoiseSchedulerOptions options)
    {
        Kind kind = _kinds.First(k => k.Options == options.GetType());
        var json = new JsonObject { [ClassName] = kind.Name };
        foreach ((string name, JsonNode? value) in JsonSerializer.SerializeToNode(options.Schedule, _json)!.AsObject())
        {
            if (kind.HasBetas || name == TrainTimesteps)
                json[name] = value?.DeepClone();
        }

        foreach ((string name, JsonNode? value) in JsonSerializer.SerializeToNode(options, options.GetType(), _json)!.AsObject())
        {
            if (kind.Knows(name))
                json[name] = value?.DeepClone();
        }

        return json;
    }

    /// <inheritdoc cref="NoiseScheduler.FromConfig"/>
    public static NoiseScheduler Read(JsonObject config, Action<string> warn)
    {
        string name = (config[ClassName] as JsonValue)?.GetValueKind() == JsonValueKind.String ? config[ClassName]!.GetValue<string>() : "";
        Kind kind = _kinds.FirstOrDefault(k => k.Name == name)
            ?? throw new InvalidDataException($"The scheduler's '{ClassName}' is {Quoted.Text(name)}; known are {string.Join(", ", _kinds.Select(k => k.Name))}.");
        var schedule = (JsonObject)JsonSerializer.SerializeToNode(kind.Default.Schedule, _json)!;
        var own = new JsonObject();
        foreach ((string key, JsonNode? value) in config)
        {
            if (key.StartsWith('_'))
                continue;
            if (kind.Fixed.FirstOrDefault(f => f.Key == key) is { Key: not null } known)
                CheckFixed(key, value, known.Value);
            else if (schedule.ContainsKey(key) && (kind.HasBetas || key == TrainTimesteps))
                schedule[key] = value?.DeepClone() ?? schedule[key]?.DeepClone();
            else if (kind.Knows(key))
                Add(own, key, value);
            else
                warn($"The scheduler's configuration has the member {Quoted.Text(key)}, which {name} does not know; it plays no part.");
        }

        try
        {
            var options = (NoiseSchedulerOptions)JsonSerializer.Deserialize(own, kind.Options, _json)!;
            // diffusers takes as many timesteps as there are betas.
            var betas = schedule.Deserialize<NoiseScheduleOptions>(_json)!;
            if (betas.TrainedBetas is { } trained)
                betas = betas with { TrainTimesteps = trained.Count };
            return kind.Create(options with { Schedule = betas });
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            throw new InvalidDataException($"The configuration of {name} is not usable: {e.Message}", e);
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
        bool isAny = known is null && key is "flow_shift" or "time_shift_type" or "base_shift" or "max_shift" or "base_image_seq_len" or "max_image_seq_len";
        if (value is not null && !isAny && !JsonNode.DeepEquals(value, known))
            throw new InvalidDataException($"The scheduler's '{key}' is {Quoted.Text(value.ToJsonString())}; known is {known?.ToJsonString() ?? "null"}.");
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

    private sealed record Kind(string Name, Type Options, NoiseSchedulerOptions Default, Func<NoiseSchedulerOptions, NoiseScheduler> Create, (string Key, JsonNode? Value)[] Fixed)
    {
        // Flow matching has no variances, and its own names for the rest.
        private static readonly string[] _ofVariances = ["prediction_type", "timestep_spacing", "steps_offset"];

        private readonly HashSet<string> _names = [.. ((JsonObject)JsonSerializer.SerializeToNode(Default, Options, _json)!).Select(m => m.Key)];

        public bool HasBetas => Options != typeof(FlowMatchEulerSchedulerOptions);

        public bool Knows(string name) => _names.Contains(name) && (HasBetas || !_ofVariances.Contains(name));

        public static Kind Of<TOptions>(string name, Func<TOptions, NoiseScheduler> create, params (string Key, JsonNode? Value)[] fixedMembers)
            where TOptions : NoiseSchedulerOptions, new() => new(name, typeof(TOptions), new TOptions(), options => create((TOptions)options), fixedMembers);
    }

    // Python writes −∞ as -Infinity, or diffusers as a text.
    private sealed class PythonInfinity : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType == JsonTokenType.String
            ? reader.GetString() switch
            {
                "-Infinity" or "-inf" => double.NegativeInfinity,
                "Infinity" or "inf" => double.PositiveInfinity,
                var text => throw new JsonException($"'{text}' is no number."),
            }
            : reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
                writer.WriteNumberValue(value);
            else
                writer.WriteStringValue(value > 0 ? "inf" : "-inf");
        }
    }
}
