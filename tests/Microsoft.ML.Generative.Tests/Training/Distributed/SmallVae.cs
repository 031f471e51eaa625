using Microsoft.ML.Data;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Generative.Serialization;
using Microsoft.ML.Generative.Training;

namespace Microsoft.ML.Generative.Tests;

/// <summary>A VAE of a few weights, for trainings in several processes.</summary>
internal static class SmallVae
{
    private const int Size = 12;

    /// <summary>Options of a training of 40 rows whose steps are the same each time.</summary>
    public static VaeOptions Options() => new()
    {
        InputColumnName = nameof(Row.Features),
        HiddenSizes = [6],
        LatentSize = 3,
        BatchSize = 6,
        LearningRate = 0.01,
        WarmupSteps = 0,
        Seed = 1,
        Threads = 1,
    };

    /// <summary>The weights after a training.</summary>
    public static float[] Train(MLContext ml, VaeOptions options, IDataView rows)
    {
        using VaeTransformer model = ml.Transforms.Generative().Vae(options).Fit(rows);
        return [.. ModuleWeights.Of(((IBaseModel)model).Network).SelectMany(t => TensorMemory.ToArray<float>(t.Tensor))];
    }

    /// <summary>Random rows, the broken one of which is no number.</summary>
    public static IDataView Data(MLContext ml, int rows = 40, int seed = 1, int? broken = null) =>
        ml.Data.LoadFromEnumerable(Enumerable.Range(0, rows).Select(i =>
        {
            var random = new Random(seed * 100_000 + i);
            return new Row { Features = [.. Enumerable.Range(0, Size).Select(_ => i == broken ? float.NaN : random.NextSingle())] };
        }).ToArray());

    public sealed class Row
    {
        [VectorType(Size)]
        public float[] Features { get; set; } = [];
    }
}
