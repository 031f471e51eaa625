using System.CommandLine;

namespace Samples.Shared;

/// <summary>What the command line of a sample asks for.</summary>
/// <param name="Data">The name of the data set.</param>
/// <param name="Quick">Whether everything is smaller, for a first look.</param>
/// <param name="Output">The folder for the files that the sample writes.</param>
/// <param name="Cancellation">Signaled by Ctrl+C.</param>
public sealed record SampleArguments(string Data, bool Quick, SampleOutput Output, CancellationToken Cancellation = default)
{
    internal ParseResult? Parsed { get; init; }

    /// <summary>The value of an option that only this sample has.</summary>
    public T? Value<T>(Option<T> option) => Parsed is null ? default : Parsed.GetValue(option);
}
