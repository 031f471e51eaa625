using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Reads the statements of a template, by the grammar of Jinja 3.1.</summary>
internal sealed class JinjaParser
{
    private readonly JinjaTokens _tokens;
    private readonly JinjaExpressionParser _expressions;
    private readonly JinjaBudget _budget;
    private int _loops;

    private JinjaParser(string template)
    {
        _budget = new JinjaBudget(template.Length);
        _tokens = new JinjaTokens(JinjaLexer.Read(template));
        _expressions = new JinjaExpressionParser(_tokens, _budget);
    }

    /// <exception cref="JinjaException">The template is not valid, or uses what is not supported.</exception>
    public static IReadOnlyList<JinjaStatement> Read(string template)
    {
        var parser = new JinjaParser(template);
        List<JinjaStatement> body = parser.Body();
        return parser._tokens.Current.Kind == JinjaTokenKind.End
            ? body
            : throw parser._tokens.Error($"unexpected '{parser._tokens.Current.Value}'");
    }

    // Up to a statement with one of the names, which stays the current token.
    private List<JinjaStatement> Body(params ReadOnlySpan<string> ends)
    {
        using JinjaBudget.Level level = _budget.Enter();
        List<JinjaStatement> body = [];
        while (true)
        {
            JinjaToken token = _tokens.Current;
            switch (token.Kind)
            {
                case JinjaTokenKind.Text:
                    _tokens.Next();
                    body.Add(new TextStatement(JinjaText.Of(token.Value)));
                    break;
                case JinjaTokenKind.BeginOutput:
                    _tokens.Next();
                    body.Add(new OutputStatement(_expressions.Tuple()) { Line = token.Line });
                    _tokens.Expect(JinjaTokenKind.EndOutput, "}}");
                    break;
                case JinjaTokenKind.BeginStatement:
                    _tokens.Next();
                    if (_tokens.Current.Kind == JinjaTokenKind.Name && ends.Contains(_tokens.Current.Value))
                        return body;
                    body.Add(Statement() with { Line = token.Line });
                    break;
                case JinjaTokenKind.End when ends.IsEmpty:
                    return body;
                default:
                    throw _tokens.Error(ends.IsEmpty
                        ? $"unexpected '{token.Value}'"
                        : $"the template ends where '{string.Join("' or '", ends!)}' was expected");
            }
        }
    }

    private JinjaStatement Statement()
    {
        string name = _tokens.Expect(JinjaTokenKind.Name, "the name of a statement");
        return name switch
        {
            "if" => If(),
            "for" => For(),
            "set" => Set(),
            "macro" => Macro(),
            "call" => Call(),
            "filter" => Filter(),
            "with" => With(),
            "generation" => new GenerationStatement(BodyUntil("endgeneration")),
            "break" or "continue" => Jump(name),
            _ => throw _tokens.Error($"the statement {Quoted.Text(name)} is not supported"),
        };
    }

    private void EndStatement() => _tokens.Expect(JinjaTokenKind.EndStatement, "%}");

    private List<JinjaStatement> BodyUntil(string end)
    {
        EndStatement();
        List<JinjaStatement> body = Body(end);
        _tokens.Next();
        EndStatement();
        return body;
    }

    private JumpStatement Jump(string name)
    {
        if (_loops == 0)
            throw _tokens.Error($"'{name}' outside of a loop");
        EndStatement();
        return new JumpStatement(name == "break" ? JinjaFlow.Break : JinjaFlow.Continue);
    }

    private IfStatement If()
    {
        List<(JinjaExpression, IReadOnlyList<JinjaStatement>)> branches = [];
        IReadOnlyList<JinjaStatement> otherwise = [];
        while (true)
        {
            JinjaExpression condition = _expressions.Tuple(withCondition: false);
            EndStatement();
            branches.Add((condition, Body("elif", "else", "endif")));
            string next = _tokens.Next().Value;
            if (next == "elif")
                continue;
            if (next == "else")
                otherwise = BodyUntil("endif");
            else
                EndStatement();
            return new IfStatement(branches, otherwise);
        }
    }

    private ForStatement For()
    {
        JinjaTarget target = _expressions.Target(withAttributes: false);
        if (!_tokens.SkipName("in"))
            throw _tokens.Error("'in' is missing");
        JinjaExpression items = _expressions.Tuple(withCondition: false, "recursive");
        JinjaExpression? condition = _tokens.SkipName("if") ? _expressions.Expression() : null;
        bool isRecursive = _tokens.SkipName("recursive");
        EndStatement();
        _loops++;
        List<JinjaStatement> body = Body("endfor", "else");
        _loops--;
        IReadOnlyList<JinjaStatement> otherwise = [];
        if (_tokens.Next().Value == "else")
            otherwise = BodyUntil("endfor");
        else
            EndStatement();
        return new ForStatement(target, items, condition, isRecursive, body, otherwise);
    }

    private JinjaStatement Set()
    {
        JinjaTarget target = _expressions.Target(withAttributes: true);
        if (_tokens.SkipOperator("="))
        {
            var assignment = new SetStatement(target, _expressions.Tuple());
            EndStatement();
            return assignment;
        }

        JinjaExpression? filter = _tokens.IsOperator("|") ? _expressions.Filters(new BodyExpression()) : null;
        return new SetBlockStatement(target, filter, BodyUntil("endset"));
    }

    private MacroStatement Macro()
    {
        string name = _tokens.Expect(JinjaTokenKind.Name, "the macro's name");
        return new MacroStatement(name, InMacro(name, Parameters(), "endmacro"));
    }

    private CallStatement Call()
    {
        List<(string, JinjaExpression?)> parameters = _tokens.IsOperator("(") ? Parameters() : [];
        if (_expressions.Expression() is not CallExpression call)
            throw _tokens.Error("'call' without a call");
        return new CallStatement(call, InMacro("caller", parameters, "endcall"));
    }

    private JinjaMacro InMacro(string name, List<(string, JinjaExpression?)> parameters, string end)
    {
        (int loops, int start) = (_loops, _tokens.Place);
        _loops = 0;
        List<JinjaStatement> body = BodyUntil(end);
        _loops = loops;
        return new JinjaMacro(name, parameters, body, _tokens.HaveName(JinjaMacro.More, start));
    }

    private List<(string Name, JinjaExpression? Default)> Parameters()
    {
        List<(string Name, JinjaExpression? Default)> parameters = [];
        _tokens.ExpectOperator("(");
        while (!_tokens.IsOperator(")"))
        {
            if (parameters.Count > 0)
                _tokens.ExpectOperator(",");
            string name = _tokens.Expect(JinjaTokenKind.Name, "a parameter");
            JinjaExpression? value = _tokens.SkipOperator("=") ? _expressions.Expression() : null;
            if (value is null && parameters.Exists(p => p.Default is not null))
                throw _tokens.Error($"the parameter {Quoted.Text(name)} without a default follows one with a default");
            parameters.Add((name, value));
        }

        _tokens.Next();
        return parameters;
    }

    private FilterStatement Filter()
    {
        JinjaExpression filter = _expressions.Filters(new BodyExpression(), isInside: true);
        return new FilterStatement(filter, BodyUntil("endfilter"));
    }

    private WithStatement With()
    {
        List<(JinjaTarget, JinjaExpression)> values = [];
        while (_tokens.Current.Kind != JinjaTokenKind.EndStatement)
        {
            if (values.Count > 0)
                _tokens.ExpectOperator(",");
            JinjaTarget target = _expressions.Target(withAttributes: false);
            _tokens.ExpectOperator("=");
            values.Add((target, _expressions.Expression()));
        }

        return new WithStatement(values, BodyUntil("endwith"));
    }
}
