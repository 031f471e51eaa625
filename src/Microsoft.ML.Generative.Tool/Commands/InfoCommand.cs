using System.CommandLine;
using CliCommand = System.CommandLine.Command;

namespace Microsoft.ML.Generative.Tool.Commands;

/// <summary><c>generative info</c>: what a model is, and its layers.</summary>
internal sealed class InfoCommand
{
    private readonly Argument<string> _model = ModelArgument.New();

    public InfoCommand()
    {
        Command = new CliCommand("info", "Describes a model: its kind, sizes, options and layers.") { _model };
        Command.SetAction(RunAsync);
    }

    public CliCommand Command { get; }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        ITransformer model = ModelArgument.Load(parsed.GetValue(_model)!);
        using var owner = model as IDisposable;
        TextWriter output = parsed.InvocationConfiguration.Output;
        foreach ((string name, string value) in ModelDescription.Of(model))
            await output.WriteLineAsync($"{name}: {value}").ConfigureAwait(false);
        await output.WriteLineAsync().ConfigureAwait(false);
        await output.WriteAsync(await Task.Run(model.Summary, cancellation).ConfigureAwait(false)).ConfigureAwait(false);
        return 0;
    }
}
