using System.Text;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Hub;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Sampling;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Layers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Diffusion.Pretrained;

/// <summary>
/// Diffusion models as folders in the layout of diffusers: <c>model_index.json</c>, <c>unet/</c> and <c>scheduler/</c>; or, as the first
/// ones were published, all files in the folder itself.
/// </summary>
internal static class PretrainedDiffusion
{
    private const string Layout = "diffusers";
    private const string IndexName = "model_index.json";
    private const string NetworkFolder = "unet";
    private const string SchedulerFolder = "scheduler";
    private const string NetworkConfigName = "config.json";
    private const string SchedulerConfigName = "scheduler_config.json";
    private const string WeightsName = "diffusion_pytorch_model";
    private const string ClassName = "_class_name";

    // diffusers ignores members that begin with an underscore.
    private const string OwnSampler = "_sampler";

    /// <summary>The files of a pipeline on the Hub, with its components in sub-folders.</summary>
    public static HubFiles Files { get; } = new("a diffusion pipeline with sub-folders")
    {
        Required = [IndexName, $"{NetworkFolder}/{NetworkConfigName}", $"{SchedulerFolder}/{SchedulerConfigName}"],
        Weights = [$"{NetworkFolder}/{WeightsName}"],
        Optional = [DiffusersPipeline.ReadmeName],
    };

    /// <summary>The files of a pipeline on the Hub whose components are in the root of the repository.</summary>
    public static HubFiles RootFiles { get; } = new("a diffusion pipeline without sub-folders")
    {
        Required = [NetworkConfigName, SchedulerConfigName],
        Weights = [WeightsName],
        Optional = [IndexName, DiffusersPipeline.ReadmeName],
    };

    /// <inheritdoc cref="GenerativeCatalog.LoadPretrainedDiffusion"/>
    public static DiffusionTransformer Load(IHostEnvironment env, string path)
    {
        HuggingFaceFolder folder = HuggingFaceFolder.Open(path, Layout);
        IHost host = env.Register(nameof(PretrainedDiffusion));
        using IChannel channel = host.Start("Loading");
        // Without an index, the two configurations must be in the root: a config.json alone could be any model's.
        if (folder.Has(IndexName) || !folder.Has(NetworkConfigName) || !folder.Has(SchedulerConfigName))
            folder.ReadJson(IndexName, CheckIndex);
        HuggingFaceFolder networkFolder = folder.Component(NetworkFolder, NetworkConfigName);
        string networkConfig = networkFolder.Existing(NetworkConfigName);
        UNetConfigFile file = UNetConfigFile.Read(networkConfig, warning => channel.Warning(warning));
        JsonObject scheduler = folder.Component(SchedulerFolder, SchedulerConfigName)
            .ReadJson(SchedulerConfigName, json => JsonNode.Parse(json.Raw)!.AsObject());

        TorchRuntime.EnsureLoaded();
        DiffusionDefinition definition = DefinitionOf(
            file, scheduler, SeedSequence.Choose(host, null), warning => channel.Warning(warning));
        ModelFile.Check(definition.Validate);
        using ISafetensorsReader weights = networkFolder.OpenWeights(WeightsName, warning => channel.Warning(warning));
        HuggingFaceFolder.CheckSize(
            weights, networkConfig, definition.Denoiser.Create,
            shapes => HuggingFaceFolder.CheckWeights(weights, TensorsUnderNamesOf(weights, shapes), acceptsPointwiseConvolutions: true));

        torch.Device device = TorchDevices.Choose(host, channel);
        DenoiserNetwork network = TorchSeed.Initialize(0, definition.Denoiser.Create);
        try
        {
            Read(network, weights);
            network.to(device);
            return new DiffusionTransformer(host, definition, network, device);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Writes a folder that diffusers reads; a file appears under its name only when it is complete.</summary>
    public static void Save(string path, DiffusionDefinition definition, DenoiserNetwork network)
    {
        DiffusionArchitecture architecture = definition.Architecture;
        string? obstacle = architecture switch
        {
            { UNet: null } => "its network is a transformer of this library's own",
            { UNet.ContextTokens: > 0 } => "its network looks at the class by cross-attention",
            { LowResolution: not null } => "it is conditioned on smaller images",
            _ => null,
        };
        if (obstacle is not null)
            throw new NotSupportedException(
                $"diffusers has no pipeline for this model, since {obstacle}: save it with mlContext.Model.Save instead.");

        new PlainLayers(network, "files in the layout of diffusers hold").Check();
        JsonObject schedulerConfig = SchedulerOf(definition);
        string schedulerClass = schedulerConfig[ClassName]!.GetValue<string>();
        var pipeline = new DiffusersPipeline(architecture, schedulerClass);
        var index = new JsonObject
        {
            [ClassName] = pipeline.ClassName,
            [SchedulerFolder] = new JsonArray("diffusers", schedulerClass),
            [NetworkFolder] = new JsonArray("diffusers", UNetConfigFile.ClassName),
        };
        var file = new UNetConfigFile(architecture.UNet!, architecture.Shape.Height, architecture.Shape.Width, architecture.HasNullLabel);

        HuggingFaceFolder folder = HuggingFaceFolder.Create(path, Layout), networkFolder = folder.CreateComponent(NetworkFolder);
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        networkFolder.WriteWeights(ModuleWeights.Of(network), WeightsName);
        folder.CreateComponent(SchedulerFolder).WriteJson(SchedulerConfigName, schedulerConfig);
        networkFolder.WriteJson(NetworkConfigName, file.ToJson());
        if (!folder.Has(DiffusersPipeline.ReadmeName)
            || DiffusersPipeline.IsOwn(File.ReadAllText(folder.PathOf(DiffusersPipeline.ReadmeName))))
            folder.WriteFile(DiffusersPipeline.ReadmeName, Encoding.UTF8.GetBytes(pipeline.Readme()));
        folder.WriteJson(IndexName, index);
    }

    // One of diffusers' schedulers knows what to do with variances that the network predicts; others would make images of them.
    private static JsonObject SchedulerOf(DiffusionDefinition definition)
    {
        DiffusionArchitecture architecture = definition.Architecture;
        using NoiseScheduler scheduler = definition.Defaults.Scheduler is { } loaded
            ? NoiseScheduler.FromConfig(loaded)
            : DiffusionSamplers.Create(definition, DiffusionSampler.Default, eta: 0);
        JsonObject config = definition.Defaults.Scheduler ?? scheduler.ToConfig();
        // DPM-Solver drops the channels after the third.
        if (!architecture.LearnsVariance || scheduler is DdpmScheduler { TakesVariance: true }
            || (scheduler.TakesVariance && architecture.Shape.Channels == 3))
            return config;
        using NoiseScheduler ddpm = SchedulerKinds.Of(DiffusionSampler.Ddpm).CreateFor(architecture, eta: 0);
        DiffusionSampler? sampler = SchedulerKinds.Find(config[ClassName]!.GetValue<string>())?.Sampler;
        config = ddpm.ToConfig();
        if (sampler is not null and not DiffusionSampler.Ddpm)
            config[OwnSampler] = sampler.ToString();
        return config;
    }

    private static DiffusionSampler SamplerOf(JsonObject scheduler) =>
        scheduler[OwnSampler] is JsonValue value && value.TryGetValue(out string? name)
        && Enum.TryParse(name, out DiffusionSampler sampler) && Enum.IsDefined(sampler)
            ? sampler
            : DiffusionSampler.Default;

    private static bool CheckIndex(ConfigReader index)
    {
        foreach ((string part, string known) in ((string, string)[])[(NetworkFolder, UNetConfigFile.ClassName), (SchedulerFolder, "")])
        {
            string[] found = index.Texts(part) ?? throw index.Bad(
                $"'{part}' is missing: this is no pipeline of a network and a scheduler");
            if (found is not [_, var className] || (known.Length > 0 && className != known))
                throw index.Bad(
                    $"'{part}' is [{string.Join(", ", found.Select(name => Quoted.Text(name)))}]; known is [diffusers, "
                    + $"{(known.Length > 0 ? known : "a scheduler")}]");
        }

        string? other = index.Names.FirstOrDefault(name => !name.StartsWith('_') && name is not (NetworkFolder or SchedulerFolder));
        return other is null ? true : throw index.Bad(
            $"the pipeline has the part {Quoted.Text(other)}; supported values: {NetworkFolder}, {SchedulerFolder}");
    }

    private static DiffusionDefinition DefinitionOf(UNetConfigFile file, JsonObject scheduler, long seed, Action<string> warn)
    {
        UNetArchitecture network = file.Network;
        var shape = new ImageShape(network.InChannels, file.Height, file.Width);
        if (network.OutChannels != shape.Channels && network.OutChannels != 2 * shape.Channels)
            throw new InvalidDataException(
                $"The network of '{NetworkConfigName}' has {network.InChannels} channels in and {network.OutChannels} out; expected as "
                + "many, or twice as many with learned variances.");
        using NoiseScheduler known = NoiseScheduler.FromConfig(scheduler, warn);
        var architecture = new DiffusionArchitecture
        {
            Shape = shape,
            LabelCount = network.ClassCount - (file.HasNullClass ? 1 : 0),
            HasNullLabel = file.HasNullClass,
            UNet = network,
            Process = known is FlowMatchEulerScheduler ? DiffusionProcess.FlowMatching : DiffusionProcess.Denoising,
            NoiseSchedule = known.Schedule,
            Prediction = known is FlowMatchEulerScheduler ? PredictionType.Epsilon : known.PredictionType,
            LearnsVariance = network.OutChannels != shape.Channels,
        };
        var options = new DiffusionOptions
        {
            LabelColumnName = network.ClassCount > 0 ? "Label" : null,
            Sampler = SamplerOf(scheduler),
        };
        bool takesAll = known is DdpmScheduler && options.Sampler == DiffusionSampler.Default;
        options.Steps = takesAll ? known.TrainTimesteps : Math.Min(DiffusionOptions.Defaults.Steps, known.TrainTimesteps);
        return new DiffusionDefinition(
            architecture, DiffusionColumns.Of(options), DiffusionDefaults.Of(options, seed) with { Scheduler = scheduler });
    }

    private static void Read(DenoiserNetwork network, ISafetensorsReader file)
    {
        using DisposeScope scope = torch.NewDisposeScope();
        HuggingFaceFolder.CopyWeights(file, TensorsUnderNamesOf(file, network), acceptsPointwiseConvolutions: true);
    }

    // Attention of older checkpoints has other names, and a linear layer may be stored as a convolution.
    private static Dictionary<string, torch.Tensor> TensorsUnderNamesOf(ISafetensorsReader file, DenoiserNetwork network)
    {
        bool isOld = file.Tensors.Keys.Any(name => name.EndsWith(".proj_attn.weight", StringComparison.Ordinal));
        return ModuleWeights.Of(network)
            .ToDictionary(t => isOld ? OldName(t.Name) : t.Name, t => t.Tensor.detach(), StringComparer.Ordinal);
    }

    private static string OldName(string name) => name.Contains(".attentions.", StringComparison.Ordinal)
        ? name.Replace(".to_out.0.", ".proj_attn.", StringComparison.Ordinal).Replace(".to_q.", ".query.", StringComparison.Ordinal)
            .Replace(".to_k.", ".key.", StringComparison.Ordinal).Replace(".to_v.", ".value.", StringComparison.Ordinal)
        : name;
}
