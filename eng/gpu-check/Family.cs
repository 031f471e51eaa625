using Microsoft.ML.Data;

namespace Microsoft.ML.Generative.GpuCheck;

/// <summary>A kind of model, in a size that trains in a moment.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Data">The rows to train on.</param>
/// <param name="Create">Makes the estimator, with settings of the training that are the check's.</param>
/// <param name="Generate">Lets the model generate.</param>
internal sealed record Family(
    string Name, Func<MLContext, IDataView> Data, Func<MLContext, Action<TrainingOptions>, IEstimator<ITransformer>> Create,
    Func<ITransformer, IDataView> Generate)
{
    public const int Steps = 8;

    /// <summary>Whether its trainings may multiply in BFloat16.</summary>
    public bool HasBFloat16 { get; init; } = true;

    /// <summary>How far the first losses on two devices may be apart, as a part of them.</summary>
    public double LossTolerance { get; init; } = 1e-3;

    /// <summary>Rows to use the model on.</summary>
    public IDataView Rows(MLContext ml) => ml.Data.TakeRows(Data(ml), 8);

    /// <summary>Trains a model.</summary>
    /// <param name="ml">The context, which has the device.</param>
    /// <param name="configure">Settings of the training.</param>
    /// <param name="losses">Receives the losses by step.</param>
    public ITransformer Fit(MLContext ml, Action<TrainingOptions> configure, IDictionary<long, double>? losses = null) =>
        Create(ml, options =>
        {
            options.Seed = 1;
            options.MaxSteps = Steps;
            options.Precision = ComputePrecision.Float32;
            options.Progress = new Reports(report => losses?.TryAdd(report.Step, report.RecentLoss));
            configure(options);
        }).Fit(Data(ml));
}

/// <summary>Reports on the thread that makes them.</summary>
internal sealed class Reports(Action<TrainingProgress> receive) : IProgress<TrainingProgress>
{
    public void Report(TrainingProgress value) => receive(value);
}

/// <summary>Numbers of rows.</summary>
internal static class Outputs
{
    /// <summary>The context of the device that is checked, or of the CPU.</summary>
    public static MLContext Context(bool onCpu = false) =>
        onCpu ? new MLContext(seed: 1) { GpuDeviceId = -1, FallbackToCpu = true } : new MLContext(seed: 1);

    /// <summary>The numbers of the columns that a model adds, or of all where there is no other view; and its texts.</summary>
    public static (float[] Numbers, string[] Texts) Read(IDataView view, IDataView? before = null)
    {
        List<float> numbers = [];
        List<string> texts = [];
        foreach (DataViewSchema.Column column in view.Schema.Where(c => before?.Schema.GetColumnOrNull(c.Name) is null && !c.IsHidden))
        {
            if (column.Type is VectorDataViewType { ItemType: NumberDataViewType item } && item == NumberDataViewType.Single)
                numbers.AddRange(view.GetColumn<float[]>(column.Name).SelectMany(v => v));
            else if (column.Type == NumberDataViewType.Single)
                numbers.AddRange(view.GetColumn<float>(column.Name));
            else if (column.Type is TextDataViewType)
                texts.AddRange(view.GetColumn<string>(column.Name));
        }

        return ([.. numbers], [.. texts]);
    }

    /// <summary>The largest difference, as a part of the largest magnitude.</summary>
    public static double Difference(float[] left, float[] right)
    {
        if (left.Length != right.Length)
            return double.PositiveInfinity;
        (double largest, double magnitude) = (0, 1e-6);
        for (int i = 0; i < left.Length; i++)
        {
            if (!float.IsFinite(left[i]) || !float.IsFinite(right[i]))
                return double.NaN;
            largest = Math.Max(largest, Math.Abs((double)left[i] - right[i]));
            magnitude = Math.Max(magnitude, Math.Abs((double)left[i]));
        }

        return largest / magnitude;
    }
}
