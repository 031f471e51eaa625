using Microsoft.ML.Generative;
using Spectre.Console;

namespace Samples.Shared;

/// <summary>Shows a training on the console: a live bar on a terminal, plain lines where the output is redirected.</summary>
/// <remarks>
/// Give it to <c>TrainingOptions.Progress</c> and dispose it when the training has returned. <see cref="Report"/> only stores the
/// report on a terminal; a thread of its own draws ten times a second. Redirected, a line is written for the first report,
/// for the last one of every epoch and of the training, and between them at most every few seconds.
/// </remarks>
public sealed class ConsoleProgress : IProgress<TrainingProgress>, IDisposable
{
    private static readonly TimeSpan _redrawInterval = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly List<TrainingProgress> _history = [];
    private readonly string _title;
    private readonly TimeSpan _lineInterval;
    private readonly TextWriter? _plain;
    private readonly IAnsiConsole? _terminal;
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread? _painter;
    private double? _validationLoss;
    private TrainingProgress? _printed;
    private bool _disposed;

    /// <summary>Starts the display, on standard output.</summary>
    /// <param name="title">What is trained, in a word or two.</param>
    public ConsoleProgress(string title = "training")
        : this(title, IsTerminal() ? null : Console.Out, IsTerminal() ? AnsiConsole.Console : null, TimeSpan.FromSeconds(3))
    {
    }

    internal ConsoleProgress(string title, TextWriter? plain, IAnsiConsole? terminal, TimeSpan lineInterval)
    {
        (_title, _plain, _terminal, _lineInterval) = (title, plain, terminal, lineInterval);
        if (_terminal is null)
            return;
        Console.CancelKeyPress += ShowCursor;
        _painter = new Thread(Paint) { IsBackground = true, Name = "progress" };
        _painter.Start();
    }

    /// <summary>All reports so far, in order.</summary>
    public IReadOnlyList<TrainingProgress> History
    {
        get
        {
            lock (_lock)
                return [.. _history];
        }
    }

    /// <inheritdoc/>
    public void Report(TrainingProgress value)
    {
        ArgumentNullException.ThrowIfNull(value);
        lock (_lock)
        {
            var previous = _history.Count > 0 ? _history[^1] : null;
            var restarted = previous is not null && value.Step < previous.Step;
            _history.Add(value);
            _validationLoss = value.ValidationLoss ?? (restarted ? null : _validationLoss);
            if (_plain is null || _disposed)
                return;

            if (previous is not null && (restarted || value.Epoch != previous.Epoch))
                Print(previous);
            var due = _printed is null || restarted || value.Elapsed - _printed.Elapsed >= _lineInterval;
            if (due || value.ValidationLoss is not null || value.Step >= value.TotalSteps)
                Print(value);
        }
    }

    /// <summary>Writes a line of text that does not disturb the bar, such as a message of <c>MLContext.Log</c>.</summary>
    public void WriteLine(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (_terminal is not null)
        {
            // Spectre writes over the bar and draws it again below; spaces cover what a shorter text would leave of it.
            var width = Math.Max(1, _terminal.Profile.Width);
            foreach (var line in text.ReplaceLineEndings("\n").Split('\n'))
                _terminal.WriteLine(line.PadRight((line.Length / width + 1) * width - 1));
            return;
        }
        lock (_lock)
            _plain!.WriteLine(text);
    }

    /// <summary>Draws the last state and gives the console back.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            if (_plain is not null && _history.Count > 0)
                Print(_history[^1]);
        }
        if (_painter is not null)
        {
            _stop.Set();
            _painter.Join();
            Console.CancelKeyPress -= ShowCursor;
        }
        _stop.Dispose();
    }

    private static bool IsTerminal() =>
        !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities is { Ansi: true, Interactive: true };

    // The live display hides the cursor, and a process that Ctrl+C ends would leave it hidden.
    private void ShowCursor(object? sender, ConsoleCancelEventArgs e) => _terminal!.Cursor.Show();

    private void Print(TrainingProgress report)
    {
        if (ReferenceEquals(report, _printed))
            return;
        _plain!.WriteLine(ProgressText.Line(_title, report));
        _plain.Flush();
        _printed = report;
    }

    private void Paint()
    {
        _terminal!.Live(Image()).Overflow(VerticalOverflow.Crop).Start(context =>
        {
            while (!_stop.Wait(_redrawInterval))
                Redraw();
            Redraw();

            void Redraw()
            {
                context.UpdateTarget(Image());
                context.Refresh();
            }
        });
    }

    private Rows Image()
    {
        TrainingProgress? latest;
        double? validation;
        lock (_lock)
            (latest, validation) = (_history.Count > 0 ? _history[^1] : null, _validationLoss);
        var title = Markup.Escape(_title);
        if (latest is null)
            return new Rows(new Markup($"[bold]{title}[/] [grey]waiting for the first step[/]"));

        var done = latest.Step >= latest.TotalSteps;
        var time = done ? $"{ProgressText.Time(latest.Elapsed)} in all" : $"{ProgressText.Time(latest.Remaining)} left";
        var first = $"[bold]{title}[/] {Bar(ProgressText.Share(latest), done)} [bold]{ProgressText.Percent(latest)}[/]"
            + $"  epoch {latest.Epoch}  {ProgressText.Speed(latest)}  [blue]{time}[/]";
        var second = $"  loss [bold]{Markup.Escape(ProgressText.Loss(latest))}[/]"
            + (validation is { } v ? $"  validation [bold]{ProgressText.Number(v)}[/]" : "")
            + $"  [grey]on {Markup.Escape(latest.Device)}[/]";
        return new Rows(new Markup(first), new Markup(second));
    }

    private string Bar(double share, bool done)
    {
        // The rest of the line, in the longest case, takes some 45 characters.
        var width = Math.Clamp(_terminal!.Profile.Width - _title.Length - 45, 10, 40);
        var full = (int)(share * width);
        var (on, off) = _terminal.Profile.Capabilities.Unicode ? ('━', '━') : ('#', '-');
        return $"[{(done ? "green" : "yellow")}]{new string(on, full)}[/][grey35]{new string(off, width - full)}[/]";
    }
}
