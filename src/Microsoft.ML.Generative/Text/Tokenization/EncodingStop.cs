namespace Microsoft.ML.Generative.Text.Tokenization;

/// <summary>
/// Stops the encoding of a text in its middle. ML.NET's tokenizers take no token of cancellation, therefore it belongs to the thread.
/// </summary>
internal sealed class EncodingStop : IDisposable
{
    [ThreadStatic]
    private static EncodingStop? _current;

    private readonly Action _check;
    private readonly EncodingStop? _outer;

    private EncodingStop(Action check) => (_check, _outer) = (check, _current);

    /// <summary>Calls an action again and again while this thread encodes texts, until the result is disposed of.</summary>
    /// <param name="check">Throws where the encoding is to stop.</param>
    public static IDisposable By(Action check) => _current = new EncodingStop(check);

    /// <inheritdoc cref="By(Action)"/>
    public static IDisposable By(CancellationToken cancellation) => By(cancellation.ThrowIfCancellationRequested);

    /// <summary>Throws what the action throws.</summary>
    public static void Check() => _current?._check();

    public void Dispose() => _current = _outer;
}
