namespace Microsoft.ML.Generative.Interop;

/// <summary>The working memory of one cursor: rows are read into slots, computed together and handed out one by one.</summary>
internal interface IRowComputation
{
    /// <summary>Reads the inputs of the current row into a slot.</summary>
    void Read(int slot);

    /// <summary>Computes the outputs of the first slots.</summary>
    void Run(int count);

    /// <summary>
    /// A <see cref="ValueGetter{TValue}"/> of an output column, which copies from the slot that is current when it is called.
    /// </summary>
    Delegate MakeGetter(int output, Func<int> slot);
}
