using Microsoft.ML.Data;
using Microsoft.ML.Generative.Data.Columns;

namespace Microsoft.ML.Generative.Evaluation;

/// <summary>How well a variational autoencoder models data: means over the rows, in nats.</summary>
public sealed class VaeMetrics
{
    internal VaeMetrics(long rows, double negativeElbo, double reconstructionError)
    {
        Rows = rows;
        NegativeElbo = negativeElbo;
        ReconstructionError = reconstructionError;
    }

    /// <summary>Rows evaluated.</summary>
    public long Rows { get; }

    /// <summary>−ELBO, an upper bound of −log p(x): lower is better.</summary>
    public double NegativeElbo { get; }

    /// <summary>−log p(x|z) for z sampled from q(z|x).</summary>
    public double ReconstructionError { get; }

    /// <summary>
    /// −log p(x), estimated by the importance-weighted bound with <see cref="ImportanceSamples"/> samples, which is no lower on average:
    /// lower is better. <see langword="null"/> where the metrics come from a transform's columns.
    /// </summary>
    public double? NegativeLogLikelihood { get; internal init; }

    /// <summary>Samples of z for each row in <see cref="NegativeLogLikelihood"/>.</summary>
    public int? ImportanceSamples { get; internal init; }

    /// <summary>
    /// Latent dimensions that the rows differ in: the variance of the posterior mean over the rows is above 0.01 (Burda, Grosse,
    /// Salakhutdinov 2015, section 5.2). Few of many say that the KL term has switched the others off.
    /// </summary>
    public int? ActiveUnits { get; internal init; }

    /// <summary>KL(q(z|x) ‖ p(z)): the nats that the latent vector carries.</summary>
    public double KlDivergence => NegativeElbo - ReconstructionError;

    internal static VaeMetrics Evaluate(IDataView data, string negativeElboColumnName, string reconstructionErrorColumnName)
    {
        ArgumentNullException.ThrowIfNull(data);
        DataViewSchema.Column negativeElbo = Score(negativeElboColumnName);
        DataViewSchema.Column reconstructionError = Score(reconstructionErrorColumnName);

        using DataViewRowCursor cursor = data.GetRowCursor([negativeElbo, reconstructionError]);
        ValueGetter<float> getElbo = cursor.GetGetter<float>(negativeElbo);
        ValueGetter<float> getError = cursor.GetGetter<float>(reconstructionError);
        long rows = 0;
        (double elboSum, double errorSum) = (0, 0);
        for (float value = 0; cursor.MoveNext(); rows++)
        {
            getElbo(ref value);
            elboSum += Finite(value, negativeElbo);
            getError(ref value);
            errorSum += Finite(value, reconstructionError);
        }

        return rows > 0
            ? new VaeMetrics(rows, elboSum / rows, errorSum / rows)
            : throw EmptyTable.Error([negativeElboColumnName, reconstructionErrorColumnName], "evaluate");

        float Finite(float value, DataViewSchema.Column column) => float.IsFinite(value) ? value : throw new InvalidDataException(
            $"Column '{column.Name}', row {rows}: the value is {value}; expected a finite number, as VaeTransformer.Transform makes it.");

        DataViewSchema.Column Score(string name)
        {
            DataViewSchema.Column column = ColumnTypes.Find(data.Schema, name);
            return column.Type == NumberDataViewType.Single ? column
                : throw new ArgumentException(
                    $"Column '{name}' has type {column.Type}; expected Single, as VaeTransformer.Transform makes it.");
        }
    }
}
