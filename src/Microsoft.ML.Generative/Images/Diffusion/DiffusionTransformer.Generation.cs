using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Diffusion;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Schedulers;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

public sealed partial class DiffusionTransformer
{
    /// <summary>Draws new images from noise.</summary>
    /// <param name="count">How many.</param>
    /// <param name="options">Seed, class, guidance, sampler, steps.</param>
    /// <returns>A column Generated of <see cref="RowSize"/> values in 0..1 a row, with the image's shape in the column's type.</returns>
    /// <remarks>The n-th image depends on the options and n alone, not on <paramref name="count"/>, up to rounding.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or an option is out of its range.</exception>
    /// <exception cref="ArgumentException">A label is too high or not wanted, an option does not fit the model; the message names it.</exception>
    /// <exception cref="OperationCanceledException">The drawing was cancelled.</exception>
    public IDataView Generate(int count, DiffusionGenerateOptions? options = null) =>
        Compute(count, options, (drawing, _, _) => drawing.Draw());

    /// <summary>Draws images like one that is given: noise is added to it, and taken away (SDEdit; Meng et al. 2021).</summary>
    /// <param name="image"><see cref="RowSize"/> values in 0..1, plane by plane.</param>
    /// <param name="strength">How far to go from it: 0 keeps it, 1 draws again.</param>
    /// <param name="count">How many to draw.</param>
    /// <param name="options">As for <see cref="Generate"/>.</param>
    /// <returns>As <see cref="Generate"/>.</returns>
    /// <exception cref="ArgumentException">The image has another size or values beyond 0..1, <paramref name="strength"/> is not 0 to 1, or as for <see cref="Generate"/>.</exception>
    public IDataView ImageToImage(ReadOnlySpan<float> image, double strength, int count = 1, DiffusionGenerateOptions? options = null)
    {
        OptionChecks.Between(strength, 0, 1);
        float[] values = CheckImage(image, nameof(image));
        return Compute(count, options, (drawing, _, images) => drawing.Change(Repeat(values, images), strength));
    }

    /// <summary>Draws a part of an image again and keeps the rest (RePaint; Lugmayr et al. 2022).</summary>
    /// <param name="image"><see cref="RowSize"/> values in 0..1, plane by plane; those where the mask is 1 play no part.</param>
    /// <param name="mask">1 where to draw, 0 where to keep: height × width values, or <see cref="RowSize"/>.</param>
    /// <param name="count">How many to draw.</param>
    /// <param name="options">As for <see cref="Generate"/>; the sampler may not be Heun or PNDM, whose steps overlap.</param>
    /// <param name="resamplings">
    /// How often each step is taken, at least 1: more fit the drawn to the kept, and cost as many times the time; with more than 1 the sampler has to be
    /// DDPM or DDIM. The paper has 10.
    /// </param>
    /// <returns>As <see cref="Generate"/>; where the mask is 0, the image's own values.</returns>
    /// <exception cref="ArgumentException">Image or mask have another size or other values, the sampler cannot do it, or as for <see cref="Generate"/>.</exception>
    public IDataView Inpaint(ReadOnlySpan<float> image, ReadOnlySpan<float> mask, int count = 1, DiffusionGenerateOptions? options = null, int resamplings = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(resamplings, 1);
        float[] values = CheckImage(image, nameof(image)), masked = CheckMask(mask);
        options ??= new DiffusionGenerateOptions();
        using (NoiseScheduler scheduler = OpenScheduler(options))
        {
            if (scheduler is HeunScheduler or PndmScheduler)
                throw new ArgumentException($"{scheduler.GetType().Name} takes steps that overlap, between which an image cannot be kept; choose another sampler.", nameof(options));
            if (resamplings > 1 && scheduler is not (DdpmScheduler or DdimScheduler))
                throw new ArgumentException($"{nameof(resamplings)} is {resamplings}, which needs {nameof(DdpmScheduler)} or {nameof(DdimScheduler)}; the sampler is {scheduler.GetType().Name}.", nameof(resamplings));
        }

        return Compute(count, options, (drawing, _, images) =>
        {
            torch.Tensor kept = Repeat(values, images), where = torch.tensor(masked, device: _device).view(1, -1, _definition.Architecture.Shape.Height, _definition.Architecture.Shape.Width);
            return drawing.Inpaint(kept, where.expand_as(kept), resamplings, resamplings > 1 ? Renoise : null);
        });
    }

    /// <summary>Images between two, through the noise that each would be drawn from (Song et al. 2020, section 5.3).</summary>
    /// <param name="from">The first image, <see cref="RowSize"/> values in 0..1, plane by plane.</param>
    /// <param name="to">The last image.</param>
    /// <param name="count">How many images, at least 2, both ends included: they are what the model makes of the two, not the two themselves.</param>
    /// <param name="options">
    /// Class, guidance, steps, batch size; noise and sampler play no part, since the way to the noise and back is a deterministic one.
    /// </param>
    /// <returns>As <see cref="Generate"/>.</returns>
    /// <exception cref="ArgumentException">An image has another size or values beyond 0..1, <paramref name="count"/> is below 2, or as for <see cref="Generate"/>.</exception>
    public IDataView Interpolate(ReadOnlySpan<float> from, ReadOnlySpan<float> to, int count, DiffusionGenerateOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        float[] first = CheckImage(from, nameof(from)), last = CheckImage(to, nameof(to));
        DeterministicPath path = DeterministicPath.Of(_definition.Architecture, StepsOf(options ?? new DiffusionGenerateOptions()));
        return Compute(count, options, (_, prediction, images) =>
        {
            torch.Tensor ends = PixelScale.Signed(torch.cat([Image(first), Image(last)], 0));
            torch.Tensor noise = DiffusionInversion.Follow(prediction.OfFirst(2), path, ends, isForward: true, Host.CheckAlive);
            torch.Tensor between = SphericalInterpolation.Points(noise[..1], noise[1..], images.First, images.Count, count);
            return DiffusionInversion.Follow(prediction, path, between, isForward: false, Host.CheckAlive);
        });
    }

    // Draws images in batches; each draw gets the loop, what the network says, and which images they are.
    private MemoryDataView Compute(
        int count, DiffusionGenerateOptions? options, Func<SamplingLoop, GuidedPrediction, ImageRange, torch.Tensor> draw)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options ??= new DiffusionGenerateOptions();
        options.Validate();
        CheckAgainstModel(count, options);

        long seed = SeedSequence.Choose(Host, options.Seed);
        float[] values = ComputeRows(count, RowSize, (start, rows) =>
        {
            var images = new ImageRange(start, rows, count);
            using NoiseScheduler scheduler = OpenScheduler(options);
            var prediction = new GuidedPrediction(_network, Conditions(options, images), _definition.Architecture.NullLabel, options.GuidanceScale, options.GuidanceRescale);
            ImageNoise noise = new ImageNoise(SeedSequence.DeriveMany(seed, start, rows), _definition.Architecture.Shape, _device);
            SamplingLoop drawing = new SamplingLoop(scheduler, prediction, noise)
            {
                Check = () => StopIfCancelled(options),
                Report = options.Progress is null ? null : (step, steps, expected) => Report(options, images, step + 1, steps, expected),
            };
            return PixelScale.Unsigned(draw(drawing, prediction, images));
        }, options.BatchSize, options.CancellationToken);
        return new MemoryDataView(Host, GeneratedColumnName, _definition.Architecture.RowType, values);
    }

    private void StopIfCancelled(DiffusionGenerateOptions options)
    {
        Host.CheckAlive();
        options.CancellationToken.ThrowIfCancellationRequested();
    }

    private void Report(DiffusionGenerateOptions options, ImageRange images, int step, int steps, torch.Tensor expected)
    {
        bool hasPreview = options.PreviewInterval is { } interval && (step % interval == 0 || step == steps);
        options.Progress!.Report(new DiffusionProgress
        {
            FirstImage = images.First,
            Images = images.Count,
            TotalImages = images.Total,
            Step = step,
            TotalSteps = steps,
            Preview = hasPreview ? new MemoryDataView(Host, GeneratedColumnName, _definition.Architecture.RowType, TensorMemory.ToArray<float>(PixelScale.Unsigned(expected))) : null,
        });
    }

    private int StepsOf(DiffusionGenerateOptions options) => Math.Min(options.Steps ?? _definition.Defaults.Steps, TrainTimesteps);

    // A scheduler for one loop, with its timesteps.
    private NoiseScheduler OpenScheduler(DiffusionGenerateOptions options)
    {
        NoiseScheduler scheduler = options.Scheduler?.Clone() ?? DiffusionSamplers.Create(_definition, options.Sampler, options.Eta, options.GuidanceScale);
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

    private DiffusionInputs Conditions(DiffusionGenerateOptions options, ImageRange images)
    {
        torch.Tensor? labels = null;
        if (LabelCount > 0)
        {
            long[] classes = [.. Enumerable.Range(images.First, images.Count).Select(i => (long)(options.Labels?[i] ?? options.Label ?? _definition.Architecture.NullLabel!.Value))];
            labels = torch.tensor(classes, device: _device);
        }

        torch.Tensor? low = null;
        if (_definition.Architecture.LowResolution is { } shape)
        {
            torch.Tensor small = torch.tensor(options.LowResolution!, [1, shape.Channels, shape.Height, shape.Width], device: _device);
            low = DiffusionInputs.Enlarge(small, _definition.Architecture.Shape).expand(images.Count, -1, -1, -1);
        }

        return new DiffusionInputs(torch.empty(0), labels, low);
    }

    private void CheckAgainstModel(int count, DiffusionGenerateOptions options)
    {
        if (options.Labels is { } labels && labels.Count != count)
            throw new ArgumentException($"{labels.Count} labels were given for {count} images.", nameof(options));
        int[] given = [.. options.Labels ?? [], .. options.Label is { } one ? [one] : Array.Empty<int>()];
        LabelCounts.Check(given, LabelCount, isNeeded: _definition.Architecture.NullLabel is null && count > 0, nameof(options));
        if (options.GuidanceScale != 1 && (_definition.Architecture.NullLabel is null || given.Length == 0))
            throw new ArgumentException(
                $"{nameof(options.GuidanceScale)} is {options.GuidanceScale}: guidance needs a label, and a model that was trained with {nameof(DiffusionOptions.LabelDropout)} above 0.", nameof(options));
        if (options.Steps > TrainTimesteps)
            throw new ArgumentException($"{nameof(options.Steps)} is {options.Steps}; the model has {TrainTimesteps} timesteps.", nameof(options));
        int expected = _definition.Architecture.LowResolution?.Size ?? 0;
        if ((options.LowResolution?.Length ?? 0) != expected)
            throw new ArgumentException($"{nameof(options.LowResolution)} has {options.LowResolution?.Length ?? 0} values; the model expects {(expected == 0 ? "none" : $"{_definition.Architecture.LowResolution}, {expected}")}.", nameof(options));
        if (options.Scheduler is { } scheduler)
            DiffusionSamplers.Check(_definition.Architecture, scheduler);
    }

    private float[] CheckImage(ReadOnlySpan<float> image, string name)
    {
        CheckSize(image, RowSize, name);
        foreach (float value in image)
        {
            if (!(value >= 0 && value <= 1))
                throw new ArgumentException($"The image has the value {value}; expected 0 to 1.", name);
        }

        return image.ToArray();
    }

    private float[] CheckMask(ReadOnlySpan<float> mask)
    {
        int plane = _definition.Architecture.Shape.Height * _definition.Architecture.Shape.Width;
        if (mask.Length != plane && mask.Length != RowSize)
            throw new ArgumentException($"The mask has {mask.Length} values; expected {plane} or {RowSize}.", nameof(mask));
        foreach (float value in mask)
        {
            if (value is not (0 or 1))
                throw new ArgumentException($"The mask has the value {value}; expected 0 or 1.", nameof(mask));
        }

        return mask.ToArray();
    }

    // [1, channels, height, width] in 0..1
    private torch.Tensor Image(float[] values) => torch.tensor(values, [1, _definition.Architecture.Shape.Channels, _definition.Architecture.Shape.Height, _definition.Architecture.Shape.Width], device: _device);

    private torch.Tensor Repeat(float[] values, ImageRange images) => PixelScale.Signed(Image(values)).expand(images.Count, -1, -1, -1).contiguous();

    // q(x[t] | x[s]) for an earlier s: Lugmayr et al. 2022, eq. 6, over as many timesteps as a step of the sampler takes.
    private torch.Tensor Renoise(torch.Tensor sample, double time, double? earlier, torch.Tensor noise)
    {
        IReadOnlyList<float> cumulative = new NoiseSchedule(_definition.Architecture.NoiseSchedule).AlphasCumulative;
        double kept = cumulative[(int)time] / (earlier is { } t ? cumulative[(int)t] : 1.0);
        return sample.Times(Math.Sqrt(kept)).Plus(noise, Math.Sqrt(1 - kept));
    }

    private readonly record struct ImageRange(int First, int Count, int Total);
}
