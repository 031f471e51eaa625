using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative;

/// <summary>How pictures are handed to a TorchScript file.</summary>
public sealed class TorchScriptFeatureOptions
{
    /// <summary>Channels that it takes, 1 to 4: gray pictures are repeated for more. Default: those of the pictures.</summary>
    public int? Channels { get; set; }

    /// <summary>Height that pictures are resized to, by bilinear interpolation. Default: their own.</summary>
    public int? Height { get; set; }

    /// <summary>Width that pictures are resized to. Default: their own.</summary>
    public int? Width { get; set; }

    /// <summary>Subtracted from the pictures' values in 0..1: one number, or one a channel. Default: 0.</summary>
    public float[] Mean { get; set; } = [0];

    /// <summary>What they are then divided by, above 0: one number, or one a channel; 0.5 with a mean of 0.5 makes −1..1. Default: 1.</summary>
    public float[] StandardDeviation { get; set; } = [1];

    internal TorchScriptFeatureOptions Checked()
    {
        OptionChecks.Between(Channels ?? 1, 1, 4, nameof(Channels));
        OptionChecks.AtLeast(Height ?? 1, 1, nameof(Height));
        OptionChecks.AtLeast(Width ?? 1, 1, nameof(Width));
        Check(Mean, float.IsFinite, "finite numbers", nameof(Mean));
        Check(StandardDeviation, d => float.IsFinite(d) && d > 0, "numbers above 0", nameof(StandardDeviation));
        var copy = (TorchScriptFeatureOptions)MemberwiseClone();
        (copy.Mean, copy.StandardDeviation) = ([.. Mean], [.. StandardDeviation]);
        return copy;
    }

    private static void Check(float[]? values, Func<float, bool> isAllowed, string expected, string name)
    {
        if (values is null || values.Length is 0 or > 4 || !values.All(isAllowed))
            throw new ArgumentException($"{name} is {(values is null ? "null" : $"[{string.Join(", ", values)}]")}; expected 1 to 4 {expected}.", name);
    }
}

/// <summary>Runs a TorchScript file on pictures.</summary>
internal sealed class TorchScriptFeatures(string path, TorchScriptFeatureOptions options) : ImageFeatureExtractor
{
    internal override FeatureComputation Open(torch.Device device)
    {
        if (!File.Exists(path))
            throw new FileNotFoundException($"There is no file '{path}'.", path);
        jit.ScriptModule<Tensor, Tensor> module;
        try
        {
            module = jit.load<Tensor, Tensor>(path, device);
        }
        catch (ExternalException e)
        {
            throw new InvalidDataException($"'{path}' is no TorchScript file that can be loaded: {FirstLine(e)}", e);
        }

        module.eval();
        return new FeatureComputation(device, rows => Run(module, Prepare(rows)), module);
    }

    private Tensor Run(jit.ScriptModule<Tensor, Tensor> module, Tensor pictures)
    {
        Tensor features;
        try
        {
            features = module.call(pictures);
        }
        catch (Exception e) when (e is ExternalException or InvalidCastException)
        {
            throw new InvalidDataException($"'{path}' cannot compute with pictures of [{string.Join(", ", pictures.shape)}]: {FirstLine(e)}", e);
        }

        if (features.dim() < 2 || features.size(0) != pictures.size(0) || features.numel() == 0)
            throw new InvalidDataException($"'{path}' made [{string.Join(", ", features.shape)}] of {pictures.size(0)} pictures; expected [{pictures.size(0)}, features].");
        return features.flatten(1).to(ScalarType.Float32);
    }

    private Tensor Prepare(Tensor rows)
    {
        long channels = options.Channels ?? rows.size(1);
        if (channels != rows.size(1))
        {
            rows = rows.size(1) == 1 ? rows.expand(-1, channels, -1, -1)
                : throw new ArgumentException($"{nameof(TorchScriptFeatureOptions.Channels)} is {channels}, but the pictures have {rows.size(1)}; only gray ones can be repeated.");
        }

        if ((options.Height ?? rows.size(2), options.Width ?? rows.size(3)) is var (height, width) && (height, width) != (rows.size(2), rows.size(3)))
            rows = nn.functional.interpolate(rows, [height, width], mode: InterpolationMode.Bilinear, align_corners: false, antialias: true);
        return (rows - PerChannel(options.Mean, rows, nameof(TorchScriptFeatureOptions.Mean)))
            / PerChannel(options.StandardDeviation, rows, nameof(TorchScriptFeatureOptions.StandardDeviation));
    }

    private static Tensor PerChannel(float[] values, Tensor rows, string name) => values.Length == 1 || values.Length == rows.size(1)
        ? tensor(values, [values.Length, 1, 1], device: rows.device)
        : throw new ArgumentException($"{name} has {values.Length} numbers; expected one, or one for each of the {rows.size(1)} channels.");

    private static string FirstLine(Exception e) => e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault() ?? e.GetType().Name;
}
