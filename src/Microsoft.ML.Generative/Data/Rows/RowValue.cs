namespace Microsoft.ML.Generative.Data.Rows;

/// <summary>A value that several output columns are made of: computed for a batch when the first of them asks for it, and once.</summary>
internal sealed class RowValue<T>(Func<RowBatch, T> compute)
{
    public T Of(RowBatch batch) => batch.Once(this, () => compute(batch));
}
