using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Data.Rows;
using Microsoft.ML.Generative.Images.Gan;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Runtime.Kernels;
using Microsoft.ML.Runtime;
using TorchSharp;

namespace Microsoft.ML.Generative;

public sealed partial class GanTransformer
{
    /// <summary>Draws new rows.</summary>
    /// <param name="count">How many.</param>
    /// <param name="options">Seed, class, truncation.</param>
    /// <returns>A column Generated of <see cref="RowSize"/> values a row; images are in 0..1 and have their shape in the column's type.</returns>
    /// <remarks>The n-th row depends on the options and n alone, not on <paramref name="count"/>, up to rounding.</remarks>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or an option is out of its range.</exception>
    /// <exception cref="ArgumentException">A label is missing, too high or not wanted.</exception>
    /// <exception cref="OperationCanceledException">The drawing was cancelled.</exception>
    public IDataView Generate(int count, GanGenerateOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        options ??= new GanGenerateOptions();
        options.Validate();
        if (options.Labels is { } some && some.Count != count)
            throw new ArgumentException($"{some.Count} labels were given for {count} rows.", nameof(options));
        LabelCounts.Check([.. options.Labels ?? [], .. options.Label is { } one ? [one] : Array.Empty<int>()], LabelCount, isNeeded: count > 0, nameof(options));

        long seed = SeedSequence.Choose(Host, options.Seed);
        return Rows(ComputeRows(count, RowSize, (start, rows) => Draw(
            LatentSamples.Of(SeedSequence.DeriveMany(seed, start, rows), LatentSize, options.Truncation).to(_device),
            LabelsOf([.. Enumerable.Range(start, rows).Select(i => options.Labels?[i] ?? options.Label ?? 0)])), options.BatchSize, options.CancellationToken));
    }

    /// <summary>The z of the row that <see cref="Generate"/> draws first.</summary>
    /// <param name="seed">Its seed.</param>
    /// <param name="truncation">Its truncation, at least 0.01, if it has one.</param>
    /// <returns><see cref="LatentSize"/> values.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="truncation"/> is too low.</exception>
    public float[] SampleLatent(int seed, double? truncation = null)
    {
        OptionChecks.AtLeast(truncation ?? 1, GanOptions.LowestTruncation, nameof(truncation));
        using torch.Tensor z = LatentSamples.Of(SeedSequence.DeriveMany(seed, 0, 1), LatentSize, truncation);
        return TensorMemory.ToArray<float>(z);
    }

    /// <summary>The row of one z.</summary>
    /// <param name="latent"><see cref="LatentSize"/> values.</param>
    /// <param name="label">The class, from 0; for models with labels, which need it.</param>
    /// <returns><see cref="RowSize"/> values; images are in 0..1, plane by plane.</returns>
    /// <exception cref="ArgumentException">The vector has another size, or the label is missing, too high or not wanted.</exception>
    public float[] Decode(ReadOnlySpan<float> latent, int? label = null)
    {
        CheckSize(latent, LatentSize, nameof(latent));
        LabelCounts.Check(label, LabelCount, nameof(label));
        ThrowIfDisposed();
        using IDisposable noGradient = torch.no_grad();
        using DisposeScope scope = torch.NewDisposeScope();
        return TensorMemory.ToArray<float>(Draw(torch.tensor(latent.ToArray(), [1, LatentSize], device: _device), LabelsOf([label ?? 0])));
    }

    /// <summary>Rows on the way between two z, along the sphere that draws of z are near (White 2016).</summary>
    /// <param name="from">The first z, <see cref="LatentSize"/> values, such as <see cref="SampleLatent"/> and <see cref="Project"/> give.</param>
    /// <param name="to">The last z.</param>
    /// <param name="count">How many rows, at least 2, both ends included.</param>
    /// <param name="label">The class of all rows, from 0; for models with labels, which need it.</param>
    /// <returns>As <see cref="Generate"/>.</returns>
    /// <exception cref="ArgumentException">A vector has another size, <paramref name="count"/> is below 2, or the label is missing, too high or not wanted.</exception>
    public IDataView Interpolate(ReadOnlySpan<float> from, ReadOnlySpan<float> to, int count, int? label = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        CheckSize(from, LatentSize, nameof(from));
        CheckSize(to, LatentSize, nameof(to));
        LabelCounts.Check(label, LabelCount, nameof(label));
        float[] first = from.ToArray(), last = to.ToArray();
        return Rows(ComputeRows(count, RowSize, (start, rows) =>
        {
            torch.Tensor a = torch.tensor(first, [1, LatentSize]), b = torch.tensor(last, [1, LatentSize]);
            return Draw(SphericalInterpolation.Points(a, b, start, rows, count).to(_device), LabelsOf([.. Enumerable.Repeat(label ?? 0, rows)]));
        }));
    }

    /// <summary>Finds the z whose row is nearest to a given one, by the mean squared difference (Zhu et al. 2016, eq. 5).</summary>
    /// <param name="row"><see cref="RowSize"/> values; those of images in 0..1, plane by plane.</param>
    /// <param name="options">Class, steps, learning rate, seed.</param>
    /// <returns><see cref="LatentSize"/> values, for <see cref="Decode"/> and <see cref="Interpolate"/>.</returns>
    /// <exception cref="ArgumentException">The row has another size or values that cannot be, an option is out of its range, or the label is missing, too high or not wanted.</exception>
    /// <exception cref="OperationCanceledException">The search was cancelled.</exception>
    public float[] Project(ReadOnlySpan<float> row, GanProjectOptions? options = null)
    {
        options ??= new GanProjectOptions();
        options.Validate();
        CheckSize(row, RowSize, nameof(row));
        (float lowest, float highest) = _definition.Architecture.Row.Image is null ? (float.MinValue, float.MaxValue) : (0f, 1f);
        foreach (float value in row)
        {
            if (!(value >= lowest && value <= highest))
                throw new ArgumentException($"The row has the value {value}; expected {(_definition.Architecture.Row.Image is null ? "finite ones" : "0 to 1")}.", nameof(row));
        }

        LabelCounts.Check(options.Label, LabelCount, nameof(options));
        ThrowIfDisposed();
        long seed = SeedSequence.Choose(Host, options.Seed);
        using DisposeScope scope = torch.NewDisposeScope();
        torch.Tensor target = torch.tensor(row.ToArray(), [1, .. _definition.Architecture.Row.Dimensions], device: _device);
        if (_definition.Architecture.Row.Image is not null)
            target = PixelScale.Signed(target);

        torch.Tensor z = Nearest(target, LatentSamples.Of(SeedSequence.DeriveMany(seed, 0, options.Starts), LatentSize, bound: null).to(_device), options.Label ?? 0);
        torch.Tensor label = torch.tensor(new long[] { options.Label ?? 0 }, device: _device);
        torch.Tensor mean = torch.zeros_like(z), variance = torch.zeros_like(z);
        using IDisposable gradients = torch.enable_grad();
        for (int step = 1; step <= options.Steps; step++)
        {
            Host.CheckAlive();
            options.CancellationToken.ThrowIfCancellationRequested();
            using DisposeScope stepScope = torch.NewDisposeScope();
            torch.Tensor variable = z.detach().requires_grad_(true);
            torch.Tensor loss = Distances(target, _network.Forward(variable, LabelCount > 0 ? label : null)).sum();
            torch.Tensor gradient = torch.autograd.grad([loss], [variable])[0];
            using IDisposable noGradient = torch.no_grad();
            double rate = options.LearningRate * 0.5 * (1 + Math.Cos(Math.PI * (step - 1) / options.Steps));
            OptimizerKernels.Adam(z.view(-1), gradient.reshape(-1), mean.view(-1), variance.view(-1), new AdamStep(rate, 0.9, 0.999, 1e-8, 0, false, step));
        }

        return TensorMemory.ToArray<float>(z);
    }

    private torch.Tensor Nearest(torch.Tensor target, torch.Tensor z, int label)
    {
        using IDisposable noGradient = torch.no_grad();
        torch.Tensor? labels = LabelsOf([.. Enumerable.Repeat(label, (int)z.size(0))]);
        long best = Distances(target, _network.Forward(z, labels)).argmin().ToInt64();
        return z.narrow(0, best, 1).clone();
    }

    private static torch.Tensor Distances(torch.Tensor target, torch.Tensor rows) => (rows - target).square().flatten(1).mean([1]);

    private MemoryDataView Rows(float[] values) => new(Host, GeneratedColumnName, _definition.Architecture.Row.Type, values);

    private torch.Tensor? LabelsOf(int[] labels) => LabelCount == 0 ? null : torch.tensor([.. labels.Select(label => (long)label)], device: _device);
}
