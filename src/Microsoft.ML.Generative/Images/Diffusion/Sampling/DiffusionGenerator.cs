using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Conditions;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Diffusion.Networks;
using Microsoft.ML.Generative.Images.Diffusion.Schedulers;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative.Images.Diffusion.Sampling;

/// <summary>Generates images with a trained network; varies, completes and interpolates given ones.</summary>
/// <param name="host">Stops between steps when its context is canceled.</param>
/// <param name="definition">The model.</param>
/// <param name="network">The network.</param>
/// <param name="device">Where it is.</param>
internal sealed class DiffusionGenerator(IHost host, DiffusionDefinition definition, DenoiserNetwork network, torch.Device device)
{
    private readonly ImageShape _shape = definition.Architecture.Shape;
    private readonly ConditionSet _conditions = definition.Conditions;

    private int TrainTimesteps => definition.Architecture.NoiseSchedule.TrainTimesteps;

    /// <inheritdoc cref="DiffusionTransformer.Generate"/>
    public MemoryDataView Generate(int count, DiffusionGenerateOptions? options) =>
        Generate(count, options, batch => batch.Loop.Generate());

    /// <inheritdoc cref="DiffusionTransformer.ImageToImage"/>
    public MemoryDataView ImageToImage(ReadOnlySpan<float> image, double strength, int count, DiffusionGenerateOptions? options)
    {
        OptionChecks.Between(strength, 0, 1);
        float[] values = CheckImage(image, nameof(image));
        return Generate(count, options, batch => batch.Loop.ImageToImage(Repeat(values, batch.Count), strength));
    }

    /// <inheritdoc cref="DiffusionTransformer.Inpaint"/>
    public MemoryDataView Inpaint(
        ReadOnlySpan<float> image, ReadOnlySpan<float> mask, int count, DiffusionGenerateOptions? options, int resamplings)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(resamplings, 1);
        float[] values = CheckImage(image, nameof(image)), masked = CheckMask(mask);
        return Generate(count, options, batch =>
        {
            torch.Tensor images = Repeat(values, batch.Count);
            // [1, 1 or channels, height, width]
            torch.Tensor isGenerated = torch.tensor(masked, device: device).view(1, -1, _shape.Height, _shape.Width);
            return batch.Loop.Inpaint(images, isGenerated.expand_as(images), resamplings);
        });
    }

    /// <inheritdoc cref="DiffusionTransformer.Interpolate"/>
    public MemoryDataView Interpolate(ReadOnlySpan<float> from, ReadOnlySpan<float> to, int count, DiffusionGenerateOptions? options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        options ??= new DiffusionGenerateOptions();
        float[] first = CheckImage(from, nameof(from)), last = CheckImage(to, nameof(to));
        return Generate(count, options, batch =>
        {
            torch.Tensor ends = PixelScale.Signed(torch.cat([Image(first), Image(last)], 0));
            torch.Tensor noise = FollowFlow(ends, isInverse: true, batch.Denoiser.OfFirst(2), batch.Noise, options);
            torch.Tensor between = SphericalInterpolation.Points(noise[..1], noise[1..], batch.First, batch.Count, count);
            return FollowFlow(between, isInverse: false, batch.Denoiser, batch.Noise, options);
        });
    }

    /// <summary>Generates an image for each row, as the options of the training say.</summary>
    /// <param name="conditions">The rows' conditions.</param>
    /// <param name="images">The rows' images in 0..1, for a model that keeps a part of them.</param>
    /// <param name="keys">What each row's noise depends on.</param>
    /// <returns>[rows, channels, height, width] in 0..1.</returns>
    public torch.Tensor GenerateForRows(ConditionValues conditions, torch.Tensor? images, IReadOnlyList<long> keys)
    {
        DiffusionDefaults model = definition.Defaults;
        var options = new DiffusionGenerateOptions { GuidanceScale = model.GuidanceScale };
        using NoiseScheduler scheduler = OpenScheduler(options);
        var noise = new KeyedNoise(keys, _shape.Dimensions, device);
        var loop = new DenoisingLoop(scheduler, Denoiser(conditions, options), noise) { Check = host.CheckAlive };
        return PixelScale.Unsigned(
            model.TransformStrength < 1 ? loop.ImageToImage(PixelScale.Signed(images!), model.TransformStrength) : loop.Generate());
    }

    private MemoryDataView Generate(int count, DiffusionGenerateOptions? options, Func<Batch, torch.Tensor> generate)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options ??= new DiffusionGenerateOptions();
        options.Validate();
        CheckAgainstModel(count, options);

        long seed = SeedSequence.Choose(host, options.Seed);
        float[] values = RowGeneration.Compute(
            host, count, _shape.Size, options.BatchSize ?? definition.Defaults.TransformBatchSize, (start, rows) =>
        {
            using NoiseScheduler scheduler = OpenScheduler(options);
            GuidedDenoiser denoiser = Denoiser(_conditions.Encode(options.Conditions, start, rows, device), options);
            var noise = new KeyedNoise(SeedSequence.DeriveMany(seed, start, rows), _shape.Dimensions, device);
            var loop = new DenoisingLoop(scheduler, denoiser, noise)
            {
                Check = () => StopIfCancelled(options),
                Report = options.Progress is null
                    ? null
                    : (step, steps, expected) => Report(options, start, rows, count, step + 1, steps, expected),
            };
            return PixelScale.Unsigned(generate(new Batch(start, rows, loop, denoiser, noise)));
        }, options.CancellationToken);
        return View(values, options.Conditions, start: 0);
    }

    // From images to noise, or back; the process is deterministic, so that the noise is not used.
    private torch.Tensor FollowFlow(
        torch.Tensor sample, bool isInverse, GuidedDenoiser denoiser, KeyedNoise noise, DiffusionGenerateOptions options)
    {
        using var scheduler = new ProbabilityFlowScheduler(new ProbabilityFlowOptions
        {
            Schedule = definition.Architecture.NoiseSchedule,
            PredictionType = definition.Architecture.Prediction,
            IsFlowMatching = definition.Architecture.Process == DiffusionProcess.FlowMatching,
            IsInverse = isInverse,
        });
        scheduler.SetTimesteps(StepsOf(options));
        return new DenoisingLoop(scheduler, denoiser, noise) { Check = () => StopIfCancelled(options) }.Denoise(sample);
    }

    private GuidedDenoiser Denoiser(ConditionValues values, DiffusionGenerateOptions options) =>
        new(network, _conditions, values, options.GuidanceScale, options.GuidanceRescale);

    private int StepsOf(DiffusionGenerateOptions options) => Math.Min(options.Steps ?? definition.Defaults.Steps, TrainTimesteps);

    // A scheduler for one loop, with its timesteps.
    private NoiseScheduler OpenScheduler(DiffusionGenerateOptions options)
    {
        NoiseScheduler scheduler = options.Scheduler?.Clone() ?? DiffusionSamplers.Create(
            definition, options.Sampler, options.Eta, options.GuidanceScale);
        try
        {
            scheduler.SetTimesteps(StepsOf(options));
            return scheduler;
        }
        catch
        {
            scheduler.Dispose();
            throw;
        }
    }

    private void CheckAgainstModel(int count, DiffusionGenerateOptions options)
    {
        _conditions.Check(options.Conditions, count, nameof(options));
        if (options.GuidanceScale != 1 && (_conditions.Label is not { HasNull: true } || !options.Conditions.HasLabel))
            throw new ArgumentException(
                $"{nameof(options.GuidanceScale)} is {options.GuidanceScale}: guidance needs a label, and a model that was trained with "
                + $"{nameof(DiffusionOptions.LabelDropout)} above 0.", nameof(options));
        if (options.Steps > TrainTimesteps)
            throw new ArgumentException(
                $"{nameof(options.Steps)} is {options.Steps}; the model has {TrainTimesteps} timesteps.", nameof(options));
        if (options.Scheduler is { } scheduler)
            DiffusionSamplers.Check(definition.Architecture, scheduler);
        else
            DiffusionSamplers.Create(definition, options.Sampler, options.Eta).Dispose();
    }

    private void StopIfCancelled(DiffusionGenerateOptions options)
    {
        host.CheckAlive();
        options.CancellationToken.ThrowIfCancellationRequested();
    }

    private void Report(DiffusionGenerateOptions options, int first, int images, int total, int step, int steps, torch.Tensor expected)
    {
        bool hasPreview = options.PreviewInterval is { } interval && (step % interval == 0 || step == steps);
        options.Progress!.Report(new DiffusionProgress
        {
            FirstImage = first,
            Images = images,
            TotalImages = total,
            Step = step,
            TotalSteps = steps,
            Preview = hasPreview ? View(TensorMemory.ToArray<float>(PixelScale.Unsigned(expected)), options.Conditions, first) : null,
        });
    }

    private float[] CheckImage(ReadOnlySpan<float> image, string name)
    {
        RowChecks.HasSize(image, _shape.Size, name);
        RowChecks.IsWithin(image, ValueRange.Unit, name);
        return image.ToArray();
    }

    private float[] CheckMask(ReadOnlySpan<float> mask)
    {
        int plane = _shape.Height * _shape.Width;
        if (mask.Length != plane && mask.Length != _shape.Size)
            throw new ArgumentException(
                $"The mask has {mask.Length} values; expected {(plane == _shape.Size ? "" : $"{plane} or ")}{_shape.Size}.", nameof(mask));
        foreach (float value in mask)
        {
            if (value is not (0 or 1))
                throw new ArgumentException($"The mask has the value {value}; expected 0 or 1.", nameof(mask));
        }

        return mask.ToArray();
    }

    // [1, channels, height, width] in 0..1
    private torch.Tensor Image(float[] values) => torch.tensor(values, [1, _shape.Channels, _shape.Height, _shape.Width], device: device);

    // [count, channels, height, width] in −1..1
    private torch.Tensor Repeat(float[] values, int count) => PixelScale.Signed(Image(values)).expand(count, -1, -1, -1).contiguous();

    private MemoryDataView View(float[] values, ConditionRequest request, int start) => new(
        host, MemoryColumn.Vectors(DiffusionTransformer.GeneratedColumnName, definition.Architecture.RowType, values),
        _conditions.GeneratedColumns(request, start, values.Length / _shape.Size));

    /// <summary>Images that are generated together.</summary>
    /// <param name="First">The index of the first.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Loop">The sampler's loop.</param>
    /// <param name="Denoiser">The network with their conditions.</param>
    /// <param name="Noise">Their noise.</param>
    private sealed record Batch(int First, int Count, DenoisingLoop Loop, GuidedDenoiser Denoiser, KeyedNoise Noise);
}
