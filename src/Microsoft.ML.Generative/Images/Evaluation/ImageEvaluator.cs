using Microsoft.ML.Generative.Common;
using Microsoft.ML.Generative.Data.Batches;
using Microsoft.ML.Generative.Data.Columns;
using Microsoft.ML.Generative.Evaluation;
using Microsoft.ML.Generative.Runtime;
using Microsoft.ML.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Microsoft.ML.Generative.Images.Evaluation;

/// <summary>Compares generated images with real ones by their features.</summary>
internal static class ImageEvaluator
{
    private const int RowsAtOnce = 128;

    // Models may generate values a little out of 0..1; others are of another scale.
    private static readonly ValueRange _imageRange = new(-0.5f, 1.5f);

    public static ImageGenerationMetrics Evaluate(IHostEnvironment env, IDataView real, IDataView generated, ImageEvaluationOptions options)
    {
        ArgumentNullException.ThrowIfNull(real);
        ArgumentNullException.ThrowIfNull(generated);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        using IDisposable? use = options.Classifier?.Use();
        IHost host = env.Register(nameof(ImageEvaluator));
        ImageFeatureExtractor extractor = options.Features
            ?? (options.Classifier is null ? ImageFeatureExtractor.Pixels : ImageFeatureExtractor.Classifier(options.Classifier));
        TensorColumn realColumn = Column(real, options.RealColumnName, extractor, null);
        TensorColumn generatedColumn = Column(generated, options.GeneratedColumnName, extractor, realColumn.RowShape);
        TensorColumn? labels = options.LabelColumnName is { } label
            ? Labels(generated.Schema, label, options.Classifier!, generatedColumn)
            : null;

        using IChannel channel = host.Start("Evaluating");
        using FeatureComputation computation = extractor.Open(TorchDevices.Choose(env, channel));
        using IDisposable noGradient = no_grad();
        using FeatureSet reals = FeatureSet.Read(host, "real", real, [realColumn], extractor, computation);
        CheckRows(reals, Math.Max(options.PrecisionNeighbors, options.DensityNeighbors), options.KernelSubsetSize);
        ClassReading? reading = labels is null ? null : new ClassReading(options.Classifier!);
        using FeatureSet generateds = FeatureSet.Read(
            host, "generated", generated, labels is null ? [generatedColumn] : [generatedColumn, labels], extractor, computation,
            reading is null ? null : reading.Add);
        CheckRows(generateds, options.PrecisionNeighbors, options.KernelSubsetSize);
        if (reals.Size != generateds.Size)
        {
            throw new ArgumentException(
                $"Column '{options.GeneratedColumnName}' makes {generateds.Size} features; '{options.RealColumnName}' makes {reals.Size}.");
        }

        WarnOfFewRows(channel, reals);
        WarnOfFewRows(channel, generateds);

        (double kernel, double kernelError) = KernelDistance.Estimate(
            reals.Values, generateds.Values, options.KernelSubsetSize, SeedSequence.Choose(host, options.Seed), host.CheckAlive);
        NeighborhoodMetrics neighborhoods = NeighborhoodMetrics.Of(
            reals.Values, generateds.Values, options.PrecisionNeighbors, options.DensityNeighbors, host.CheckAlive);
        return new ImageGenerationMetrics
        {
            RealRows = reals.Count,
            GeneratedRows = generateds.Count,
            FeatureSize = reals.Size,
            FrechetDistance = FrechetDistance.Between(reals.Moments, generateds.Moments),
            KernelDistance = kernel,
            KernelDistanceStandardError = kernelError,
            Precision = neighborhoods.Precision,
            Recall = neighborhoods.Recall,
            Density = neighborhoods.Density,
            Coverage = neighborhoods.Coverage,
            ClassAccuracy = reading?.Accuracy,
        };
    }

    private static TensorColumn Column(IDataView data, string name, ImageFeatureExtractor extractor, long[]? expected)
    {
        ImageShape? wanted = extractor.Shape
            ?? (expected is [var channels, var height, var width] ? new ImageShape((int)channels, (int)height, (int)width) : null);
        ImageShape? shape = extractor.TakesImages
            ? ColumnTypes.FindShape(data, name, wanted?.Channels, wanted?.Height, wanted?.Width)
            : null;
        if (extractor.TakesImages && shape is null)
            throw ColumnTypes.UnknownShape(
                name, "expected images, or vectors with a shape of channels × height × width. For vectors of features set "
                + $"{nameof(ImageEvaluationOptions.Features)} to {nameof(ImageFeatureExtractor)}.{nameof(ImageFeatureExtractor.Columns)}");
        TensorColumn column = TensorColumn.Features(data.Schema, name, shape, extractor.TakesImages ? _imageRange : ValueRange.Finite);
        return expected is null || expected.SequenceEqual(column.RowShape) ? column
            : throw new ArgumentException(
                $"Column '{name}' has {column.Elements} values per row; the real data has {expected.Aggregate((a, b) => a * b)}.");
    }

    private static TensorColumn Labels(DataViewSchema schema, string name, ImageClassifierTransformer classifier, TensorColumn images)
    {
        ImageShape shape = classifier.Definition.Architecture.Shape;
        if (!images.RowShape.SequenceEqual([shape.Channels, shape.Height, shape.Width]))
        {
            throw new ArgumentException(
                $"Column '{images.Name}' has images of [{string.Join(", ", images.RowShape)}]; the classifier was trained on {shape}.");
        }

        return TensorColumn.Label(schema, name, classifier.ClassCount, classifier.Definition.Columns.Classes);
    }

    private static void CheckRows(FeatureSet set, int neighbors, int? subsetSize)
    {
        if (set.Count <= neighbors || set.Count < 4)
        {
            throw new ArgumentException(
                $"The {set.Name} data has {set.Count} rows; expected at least {Math.Max(4, neighbors + 1)}, so that each has {neighbors} "
                + "neighbors. Reliable numbers take thousands.");
        }

        if (subsetSize > set.Count)
        {
            throw new ArgumentException(
                $"{nameof(ImageEvaluationOptions.KernelSubsetSize)} is {subsetSize}, but the {set.Name} data has {set.Count} rows.");
        }
    }

    private static void WarnOfFewRows(IChannel channel, FeatureSet set)
    {
        if (set.Count <= set.Size)
        {
            channel.Warning(
                $"The {set.Name} data has {set.Count:N0} rows of {set.Size:N0} features: with no more rows than features the Fréchet "
                + "distance is much too high.");
        }
    }

    /// <summary>Counts images that are read as what was asked for.</summary>
    private sealed class ClassReading(ImageClassifierTransformer classifier)
    {
        private long _rows;
        private long _right;

        public double Accuracy => (double)_right / _rows;

        public void Add(Tensor images, Tensor labels)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor read = classifier.Network.Logits(classifier.Network.Features(images.to(classifier.Device))).argmax(1);
            _right += read.eq(labels.to(classifier.Device)).sum().item<long>();
            _rows += labels.size(0);
        }
    }

    /// <summary>The features of a data view's rows, in memory, and their moments.</summary>
    private sealed class FeatureSet(string name, Tensor values, FeatureMoments moments) : IDisposable
    {
        public string Name => name;

        /// <summary>[rows, size], Single.</summary>
        public Tensor Values => values;

        public FeatureMoments Moments => moments;

        public long Count => moments.Count;

        public int Size => (int)values.size(1);

        public static FeatureSet Read(
            IHost host, string name, IDataView data, IReadOnlyList<TensorColumn> columns, ImageFeatureExtractor extractor,
            FeatureComputation computation, Action<Tensor, Tensor>? visit = null)
        {
            using TensorSource source = TensorSource.Read(host, data, columns, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4);
            IBatchSource batches = source.Batches(RowsAtOnce, shuffle: false, 0, computation.Device);
            Tensor? values = null;
            FeatureMoments? moments = null;
            try
            {
                batches.StartEpoch(0);
                for (long i = 0, row = 0; i < batches.BatchesPerEpoch; i++)
                {
                    host.CheckAlive();
                    using DisposeScope scope = NewDisposeScope();
                    TensorBatch batch = batches.Next();
                    Tensor rows = extractor.TakesImages ? batch[0].Within(0, 1) : batch[0];
                    Tensor features = computation.Compute(rows).cpu();
                    values ??= empty([source.Count, features.size(1)]).DetachFromDisposeScope();
                    moments ??= new FeatureMoments((int)features.size(1));
                    if (!features.isfinite().all().item<bool>())
                    {
                        throw new InvalidDataException(
                            $"The features of the {name} data, rows {row} to {row + batch.Rows - 1}, are not all finite.");
                    }

                    values.narrow(0, row, batch.Rows).copy_(features);
                    moments.Add(features);
                    visit?.Invoke(rows, batch[1]);
                    row += batch.Rows;
                }

                return new FeatureSet(name, values!, moments!);
            }
            catch
            {
                values?.Dispose();
                moments?.Dispose();
                throw;
            }
        }

        public void Dispose()
        {
            values.Dispose();
            moments.Dispose();
        }
    }
}
