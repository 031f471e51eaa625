using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Serialization.Safetensors;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Diffusion.Pretrained;

/// <summary>Diffusion models as folders in the layout of diffusers: <c>model_index.json</c>, <c>unet/</c> and <c>scheduler/</c>.</summary>
internal static class PretrainedDiffusion
{
    private const string IndexName = "model_index.json";
    private const string NetworkFolder = "unet";
    private const string SchedulerFolder = "scheduler";
    private const string NetworkConfigName = "config.json";
    private const string SchedulerConfigName = "scheduler_config.json";
    private const string WeightsName = "diffusion_pytorch_model";

    /// <inheritdoc cref="GenerativeCatalog.LoadPretrainedDiffusion"/>
    public static DiffusionTransformer Load(IHostEnvironment env, string folder)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"There is no folder '{folder}'.");
        IHost host = env.Register(nameof(PretrainedDiffusion));
        using IChannel channel = host.Start("Loading");
        ConfigReader.ReadFile(Existing(folder, IndexName), CheckIndex);
        UNetConfigFile file = UNetConfigFile.Read(Existing(folder, NetworkFolder, NetworkConfigName), warning => channel.Warning(warning));
        JsonObject scheduler = ConfigReader.ReadFile(Existing(folder, SchedulerFolder, SchedulerConfigName), json => JsonNode.Parse(json.Raw)!.AsObject());

        TorchRuntime.EnsureLoaded();
        DiffusionConfig config = ConfigOf(file, scheduler, SeedSequence.Choose(host, null), warning => channel.Warning(warning));
        config.Validate();
        using ISafetensorsReader weights = OpenWeights(Path.Combine(folder, NetworkFolder));
        // The file's size comes before the network's memory.
        long numbers = weights.Tensors.Values.Sum(t => t.Shape.Aggregate(1L, (product, size) => checked(product * size)));
        if (numbers < config.WeightBytes / sizeof(float))
            throw new InvalidDataException($"'{weights.Source}' holds {numbers:N0} numbers; the network of '{NetworkConfigName}' has {config.WeightBytes / sizeof(float):N0}.");

        torch.Device device = TorchDevices.Choose(host, channel);
        DenoiserNetwork network = TorchSeed.Initialize(0, config.CreateNetwork);
        try
        {
            Read(network, weights);
            network.to(device);
            return new DiffusionTransformer(host, config, network, device);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>Writes a folder that diffusers reads; a file appears under its name only when it is complete.</summary>
    public static void Save(string folder, DiffusionConfig config, DenoiserNetwork network)
    {
        string? obstacle = config switch
        {
            { Options.Network: not DiffusionNetworkKind.UNet } => "its network is a transformer of this library's own",
            { Options.LabelConditioning: DiffusionLabelConditioning.CrossAttention } => "its network looks at the class by cross-attention",
            { LowResolution: not null } => "it is conditioned on smaller images",
            _ => null,
        };
        if (obstacle is not null)
            throw new NotSupportedException($"diffusers has no pipeline for this model, since {obstacle}: save it with mlContext.Model.Save instead.");

        using NoiseScheduler scheduler = DiffusionSamplers.Create(config, DiffusionSampler.Default, eta: 0);
        JsonObject schedulerConfig = config.LoadedScheduler ?? scheduler.ToConfig();
        string schedulerClass = schedulerConfig["_class_name"]!.GetValue<string>();
        var index = new JsonObject
        {
            ["_class_name"] = schedulerClass switch { "DDPMScheduler" => "DDPMPipeline", "DDIMScheduler" => "DDIMPipeline", _ => "DiffusionPipeline" },
            [SchedulerFolder] = new JsonArray("diffusers", schedulerClass),
            [NetworkFolder] = new JsonArray("diffusers", UNetConfigFile.ClassName),
        };
        var file = new UNetConfigFile(config.UNet, config.Shape.Height, config.Shape.Width, config.NullLabel is not null);

        Directory.CreateDirectory(Path.Combine(folder, NetworkFolder));
        Directory.CreateDirectory(Path.Combine(folder, SchedulerFolder));
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        SafetensorsShards.Write(Path.Combine(folder, NetworkFolder), ModuleWeights.Of(network), metadata: new Dictionary<string, string> { ["format"] = "pt" }, name: WeightsName);
        WriteJson(schedulerConfig, SchedulerFolder, SchedulerConfigName);
        WriteJson(file.ToJson(), NetworkFolder, NetworkConfigName);
        WriteJson(index, IndexName);

        void WriteJson(JsonObject json, params string[] path) => AtomicFile.Write(
            Path.Combine([folder, .. path]), stream => stream.Write(JsonSerializer.SerializeToUtf8Bytes(json, ModelConfigJson.Options)));
    }

    private static bool CheckIndex(ConfigReader index)
    {
        foreach ((string part, string known) in ((string, string)[])[(NetworkFolder, UNetConfigFile.ClassName), (SchedulerFolder, "")])
        {
            string[] found = index.Texts(part) ?? throw index.Bad($"'{part}' is missing: this is no pipeline of a network and a scheduler");
            if (found is not [_, var className] || (known.Length > 0 && className != known))
                throw index.Bad($"'{part}' is [{string.Join(", ", found.Select(SafetensorsHeader.Quote))}]; known is [diffusers, {(known.Length > 0 ? known : "a scheduler")}]");
        }

        string? other = index.Names.FirstOrDefault(name => !name.StartsWith('_') && name is not (NetworkFolder or SchedulerFolder));
        return other is null ? true : throw index.Bad($"the pipeline has the part {SafetensorsHeader.Quote(other)}; known are {NetworkFolder} and {SchedulerFolder}");
    }

    private static DiffusionConfig ConfigOf(UNetConfigFile file, JsonObject scheduler, long seed, Action<string> warn)
    {
        UNetArchitecture network = file.Network;
        var shape = new ImageShape(network.InChannels, file.Height, file.Width);
        if (network.OutChannels != shape.Channels && network.OutChannels != 2 * shape.Channels)
            throw new InvalidDataException($"The network of '{NetworkConfigName}' has {network.InChannels} channels in and {network.OutChannels} out; expected as many, or twice as many with learned variances.");
        using NoiseScheduler known = NoiseScheduler.FromConfig(scheduler, warn);
        var options = new DiffusionOptions
        {
            LabelColumnName = network.ClassCount > 0 ? "Label" : null,
            LabelDropout = file.HasNullClass ? DiffusionOptions.Defaults.LabelDropout : 0,
            LearnsVariance = network.OutChannels != shape.Channels,
            Process = known is FlowMatchEulerScheduler ? DiffusionProcess.FlowMatching : DiffusionProcess.Denoising,
            Prediction = known is FlowMatchEulerScheduler ? PredictionType.Epsilon : known.PredictionType,
            NoiseSchedule = known.Schedule,
            Steps = known is DdpmScheduler ? known.TrainTimesteps : Math.Min(DiffusionOptions.Defaults.Steps, known.TrainTimesteps),
        };
        return new DiffusionConfig(options, shape, network.ClassCount - (file.HasNullClass ? 1 : 0), LowResolution: null, seed)
        {
            LoadedUNet = network,
            LoadedScheduler = scheduler,
        };
    }

    private static void Read(DenoiserNetwork network, ISafetensorsReader file)
    {
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        // Attention of older checkpoints goes by other names.
        bool isOld = file.Tensors.Keys.Any(name => name.EndsWith(".proj_attn.weight", StringComparison.Ordinal));
        Dictionary<string, torch.Tensor> expected = ModuleWeights.Of(network).ToDictionary(t => isOld ? OldName(t.Name) : t.Name, t => t.Tensor.detach(), StringComparer.Ordinal);
        ModuleWeights.Check(file, expected, Fits, _ => false);
        foreach ((string name, torch.Tensor tensor) in expected)
        {
            using torch.Tensor read = torch.empty(file.Tensors[name].Shape, file.Tensors[name].Type);
            file.ReadInto(new Dictionary<string, torch.Tensor> { [name] = read });
            tensor.copy_(read.view(tensor.shape));
        }

        // A product may have been written as a convolution of one pixel.
        static bool Fits(SafetensorsInfo found, torch.Tensor tensor) => found.Type.IsFloat()
            && (found.Shape.AsSpan().SequenceEqual(tensor.shape) || (tensor.dim() == 2 && found.Shape.AsSpan().SequenceEqual([.. tensor.shape, 1, 1])));
    }

    private static string OldName(string name) => name.Contains(".attentions.", StringComparison.Ordinal)
        ? name.Replace(".to_out.0.", ".proj_attn.", StringComparison.Ordinal).Replace(".to_q.", ".query.", StringComparison.Ordinal)
            .Replace(".to_k.", ".key.", StringComparison.Ordinal).Replace(".to_v.", ".value.", StringComparison.Ordinal)
        : name;

    private static ISafetensorsReader OpenWeights(string folder)
    {
        string file = Path.Combine(folder, WeightsName + SafetensorsReader.Extension), index = Path.Combine(folder, WeightsName + SafetensorsReader.IndexExtension);
        if (File.Exists(file) || File.Exists(index))
            return SafetensorsReader.Open(File.Exists(file) ? file : index);
        string pickle = Path.Combine(folder, WeightsName + ".bin");
        throw File.Exists(pickle)
            ? new InvalidDataException($"The folder '{folder}' has its weights in '{WeightsName}.bin', a Python pickle: reading one can run code that it holds, so this library does not. Convert the model to safetensors, as most publishers have.")
            : new FileNotFoundException($"The folder '{folder}' has neither '{WeightsName}{SafetensorsReader.Extension}' nor '{WeightsName}{SafetensorsReader.IndexExtension}'.", file);
    }

    private static string Existing(params string[] path)
    {
        string file = Path.Combine(path);
        return File.Exists(file) ? file : throw new FileNotFoundException($"There is no file '{file}': this is no model in the layout of diffusers.", file);
    }
}
