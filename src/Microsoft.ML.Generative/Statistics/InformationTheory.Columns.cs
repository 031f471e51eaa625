using System.Runtime.InteropServices;

namespace Microsoft.ML.Generative.Statistics;

public static partial class InformationTheory
{
    /// <summary>Estimates the entropy of a discrete column.</summary>
    /// <param name="data">The rows; read once.</param>
    /// <param name="columnName">A key, integer, Boolean or text column.</param>
    /// <param name="correctBias">Whether to correct the bias of a finite sample, as <see cref="EntropyFromCounts"/> does.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 or above.</returns>
    /// <exception cref="ArgumentException">The column is missing or of another type, or the data is empty.</exception>
    /// <exception cref="InvalidDataException">A key is missing; the message names the row.</exception>
    /// <example>
    /// <code>
    /// var mnist = mlContext.Generative().Datasets.Mnist();
    /// double bits = InformationTheory.EstimateEntropy(mnist.TrainSet, "Label", unit: InformationUnit.Bits);   // 3.32, all but log2(10)
    /// </code>
    /// </example>
    public static double EstimateEntropy(IDataView data, string columnName, bool correctBias = true, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        DiscreteCounts counts = DiscreteCounts.Read(data, columnName, columnName);
        return scale * EntropyOfCounts(CollectionsMarshal.AsSpan(counts.First), correctBias);
    }

    /// <summary>Estimates the conditional entropy H(column | given) of two discrete columns: what is uncertain in one for who knows the other.</summary>
    /// <param name="data">The rows; read once.</param>
    /// <param name="columnName">A key, integer, Boolean or text column.</param>
    /// <param name="givenColumnName">The column that is known, of the same types.</param>
    /// <param name="correctBias">Whether to correct the bias of a finite sample, as <see cref="EntropyFromCounts"/> does.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>0 or above.</returns>
    /// <exception cref="ArgumentException">A column is missing or of another type, or the data is empty.</exception>
    /// <exception cref="InvalidDataException">A key is missing; the message names the row.</exception>
    public static double EstimateConditionalEntropy(
        IDataView data, string columnName, string givenColumnName, bool correctBias = true, InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        DiscreteCounts counts = DiscreteCounts.Read(data, columnName, givenColumnName);
        return scale * (EntropyOfCounts(counts.Pairs, correctBias) - EntropyOfCounts(CollectionsMarshal.AsSpan(counts.Second), correctBias));
    }

    /// <summary>Estimates the mutual information of two columns: what one tells of the other, such as features of a label.</summary>
    /// <param name="data">The rows; read once.</param>
    /// <param name="firstColumnName">A discrete column (key, integer, Boolean, text) or a continuous one (Single, Double, or a known-size vector of them, taken as one variable).</param>
    /// <param name="secondColumnName">The other column; the order of both does not matter.</param>
    /// <param name="neighbors">How many nearest neighbors decide the scale, where a column is continuous. At least 1.</param>
    /// <param name="correctBias">Where both columns are discrete, whether to correct the bias as <see cref="MutualInformationFromCounts"/> does.</param>
    /// <param name="unit">The unit of the result.</param>
    /// <returns>An estimate without lower bound at 0: near independence it varies around 0.</returns>
    /// <exception cref="ArgumentException">
    /// A column is missing or of another type, the data has too few rows, values of a continuous column repeat or are not finite, or a
    /// class occurs once only.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="neighbors"/> is below 1.</exception>
    /// <exception cref="InvalidDataException">A key is missing; the message names the row.</exception>
    /// <remarks>
    /// <para>
    /// Two discrete columns: from relative frequencies, one pass, memory for the distinct pairs. Two continuous columns: nearest
    /// neighbors (Kraskov, Stögbauer, Grassberger, "Estimating mutual information", 2004). One of each: nearest neighbors
    /// within the class (B. C. Ross, "Mutual information between discrete and continuous data sets", PLoS ONE 9, 2014).
    /// </para>
    /// <para>
    /// Neighbors take time that grows with the square of the rows, and memory for all values of both columns: take a sample of some
    /// thousand rows (<c>mlContext.Data.TakeRows</c>).
    /// </para>
    /// </remarks>
    /// <example>
    /// <code>
    /// VaeTransformer model = mlContext.Transforms.Generative().Vae("Image").Fit(data);
    /// IDataView encoded = mlContext.Data.TakeRows(model.Transform(data), 5_000);
    /// double bits = InformationTheory.EstimateMutualInformation(encoded, "Latent", "Label", unit: InformationUnit.Bits);
    /// </code>
    /// </example>
    public static double EstimateMutualInformation(
        IDataView data, string firstColumnName, string secondColumnName, int neighbors = 3, bool correctBias = true,
        InformationUnit unit = InformationUnit.Nats)
    {
        double scale = PerNat(unit);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentOutOfRangeException.ThrowIfLessThan(neighbors, 1);
        bool firstIsDiscrete = SampleColumns.IsDiscrete(data.Schema, firstColumnName);
        bool secondIsDiscrete = SampleColumns.IsDiscrete(data.Schema, secondColumnName);
        if (firstIsDiscrete && secondIsDiscrete)
        {
            DiscreteCounts counts = DiscreteCounts.Read(data, firstColumnName, secondColumnName);
            return scale * (EntropyOfCounts(CollectionsMarshal.AsSpan(counts.First), correctBias)
                + EntropyOfCounts(CollectionsMarshal.AsSpan(counts.Second), correctBias)
                - EntropyOfCounts(counts.Pairs, correctBias));
        }

        if (!firstIsDiscrete && !secondIsDiscrete)
        {
            (ContinuousSample x, ContinuousSample y) = SampleColumns.ReadContinuous(data, firstColumnName, secondColumnName);
            CheckNeighbors(neighbors, x.Rows);
            return scale * NeighborEstimates.Continuous(x, y, neighbors);
        }

        (ContinuousSample sample, int[] classes, int[] sizes) = firstIsDiscrete
            ? SampleColumns.ReadMixed(data, secondColumnName, firstColumnName)
            : SampleColumns.ReadMixed(data, firstColumnName, secondColumnName);
        return scale * NeighborEstimates.Mixed(sample, classes, sizes, neighbors);
    }
}
