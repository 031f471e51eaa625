using System.Runtime.CompilerServices;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>
/// What a template may use: templates come with models from untrusted sources, and must neither run forever nor fill the memory.
/// </summary>
internal sealed class JinjaBudget
{
    /// <summary>Calls, loops, expressions and values within each other.</summary>
    public const int MaxDepth = 400;

    /// <summary>The largest range, as in Jinja's sandbox.</summary>
    public const int MaxRange = 100_000;

    // The largest templates in use take some ten thousand steps for a message.
    private const long Steps = 2_000_000;
    private const long StepsPerCharacter = 50;
    private const long MaxSteps = 500_000_000;

    private long _left;
    private int _depth;

    /// <param name="inputCharacters">Characters of the template and its variables.</param>
    public JinjaBudget(long inputCharacters) => _left = Math.Min(Steps + StepsPerCharacter * inputCharacters, MaxSteps);

    /// <summary>Takes steps: one for a node, an element or a character that is made.</summary>
    /// <exception cref="JinjaException">There are none left.</exception>
    public void Spend(long steps)
    {
        _left -= steps;
        if (steps < 0 || _left < 0)
            throw new JinjaException("The template takes too many steps or writes too much.");
    }

    /// <exception cref="JinjaException">It is too deep.</exception>
    public Level Enter()
    {
        if (++_depth > MaxDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            _depth--;
            throw new JinjaException($"The template is nested more than {MaxDepth} deep.");
        }

        return new Level(this);
    }

    /// <summary>A level of nesting, until it is disposed.</summary>
    public readonly struct Level(JinjaBudget budget) : IDisposable
    {
        public void Dispose() => budget._depth--;
    }
}
