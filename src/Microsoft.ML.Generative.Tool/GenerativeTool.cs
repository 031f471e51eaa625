using System.CommandLine;
using Microsoft.ML.Generative.Tool.Commands;

namespace Microsoft.ML.Generative.Tool;

/// <summary>The command <c>generative</c>.</summary>
internal static class GenerativeTool
{
    /// <summary>What was asked for could not be done; the reason is in the error output.</summary>
    public const int Failed = 1;

    /// <summary>The command line is wrong.</summary>
    public const int WrongUsage = 2;

    /// <summary>Ended by a signal, as shells count it.</summary>
    public const int Interrupted = 130;

    /// <summary>Runs a command.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="input">Prompts and conversations.</param>
    /// <param name="output">Results.</param>
    /// <param name="error">Errors and notes.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The exit code: 0, or one of the constants.</returns>
    public static async Task<int> RunAsync(
        string[] args, TextReader input, TextWriter output, TextWriter error, CancellationToken cancellation)
    {
        var libtorch = new Option<string?>("--libtorch")
        {
            Description = $"The folder of libtorch. Default: {LibTorchSearch.Variable}, or that of NuGet's cache.",
            HelpName = "folder",
            Recursive = true,
        };
        var root = new RootCommand("Serves, runs, describes and converts generative models.")
        {
            new ServeCommand().Command, new GenerateCommand(input).Command, new ChatCommand(input).Command, new InfoCommand().Command,
            new ConvertCommand().Command, libtorch,
        };
        ParseResult parsed = root.Parse(args);
        var configuration = new InvocationConfiguration
        {
            Output = output,
            Error = error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null,
        };
        try
        {
            if (parsed.Errors.Count == 0 && parsed.Action is not System.CommandLine.Help.HelpAction)
                LibTorchSearch.Apply(parsed.GetValue(libtorch));
            int code = await parsed.InvokeAsync(configuration, cancellation).ConfigureAwait(false);
            return parsed.Errors.Count > 0 ? WrongUsage : code;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return Interrupted;
        }
        catch (Exception e) when (e is ArgumentException or IOException or InvalidDataException or InvalidOperationException
            or NotSupportedException or UnauthorizedAccessException or HttpRequestException or InsufficientMemoryException)
        {
            await error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return Failed;
        }
    }
}
