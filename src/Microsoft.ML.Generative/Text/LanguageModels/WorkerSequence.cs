using System.Runtime.CompilerServices;

namespace Microsoft.ML.Generative.Text.LanguageModels;

/// <summary>Computes the items of a sequence on worker threads.</summary>
internal static class WorkerSequence
{
    // Between two items nothing of libtorch that belongs to a thread is open.
    public static async IAsyncEnumerable<string> Enumerate(
        IEnumerable<string> items, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using IEnumerator<string> enumerator = items.GetEnumerator();
        while (await Task.Run(enumerator.MoveNext, cancellation).ConfigureAwait(false))
            yield return enumerator.Current;
    }
}
