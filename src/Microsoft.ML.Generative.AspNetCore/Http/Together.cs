using System.Runtime.ExceptionServices;

namespace Microsoft.ML.Generative.AspNetCore.Http;

/// <summary>Parts of an answer that are computed at a time.</summary>
internal static class Together
{
    /// <summary>Runs all parts; where one fails, the others are cancelled, and its error is thrown.</summary>
    /// <param name="count">Their number.</param>
    /// <param name="run">Runs one.</param>
    /// <param name="cancellation">Stops all.</param>
    public static async Task<T[]> RunAsync<T>(int count, Func<int, CancellationToken, Task<T>> run, CancellationToken cancellation)
    {
        using CancellationTokenSource all = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Exception? first = null;
        Task<T>[] parts = [.. Enumerable.Range(0, count).Select(RunOneAsync)];
        try
        {
            return await Task.WhenAll(parts).ConfigureAwait(false);
        }
        catch when (first is not null)
        {
            ExceptionDispatchInfo.Throw(first);
            throw;
        }

        async Task<T> RunOneAsync(int part)
        {
            try
            {
                return await run(part, all.Token).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref first, e, null);
                await all.CancelAsync().ConfigureAwait(false);
                throw;
            }
        }
    }
}
