using System.Globalization;
using Microsoft.ML.Generative.Common;

namespace Microsoft.ML.Generative.Text.Chat.Jinja;

/// <summary>Reads the expressions of a template, by the grammar of Jinja 3.1.</summary>
internal sealed class JinjaExpressionParser(JinjaTokens tokens, JinjaBudget budget)
{
    private static readonly string[] _comparisons = ["==", "!=", "<", "<=", ">", ">="];
    private static readonly string[] _endsTest = ["else", "or", "and"];

    public JinjaExpression Expression(bool withCondition = true)
    {
        using JinjaBudget.Level level = budget.Enter();
        JinjaExpression value = Or();
        while (withCondition && tokens.SkipName("if"))
        {
            JinjaExpression condition = Or();
            value = new ConditionalExpression(condition, value, tokens.SkipName("else") ? Expression() : null);
        }

        return value;
    }

    /// <summary>An expression, or several with commas between them.</summary>
    /// <param name="withCondition">Whether "if" belongs to the expression.</param>
    /// <param name="end">A name that ends it.</param>
    /// <param name="isInParentheses">Whether it may be empty.</param>
    public JinjaExpression Tuple(bool withCondition = true, string? end = null, bool isInParentheses = false)
    {
        List<JinjaExpression> items = [];
        bool isTuple = false;
        while (!IsTupleEnd(end))
        {
            items.Add(Expression(withCondition));
            if (!tokens.SkipOperator(","))
                break;
            isTuple = true;
        }

        if (!isTuple && items.Count == 1)
            return items[0];
        return isTuple || isInParentheses
            ? new ListExpression(items, IsTuple: true)
            : throw tokens.Error($"{tokens.Found()} where an expression was expected");
    }

    /// <summary>What a value is assigned to.</summary>
    /// <param name="withAttributes">Whether it may be an attribute of a namespace.</param>
    public JinjaTarget Target(bool withAttributes)
    {
        List<JinjaTarget> targets = [SingleTarget(withAttributes)];
        bool isTuple = false;
        while (tokens.SkipOperator(","))
        {
            isTuple = true;
            if (tokens.IsName("in") || !(tokens.Current.Kind == JinjaTokenKind.Name || tokens.IsOperator("(")))
                break;
            targets.Add(SingleTarget(withAttributes));
        }

        return isTuple ? new TupleTarget(targets) : targets[0];
    }

    /// <summary>The filters behind a value.</summary>
    /// <param name="value">The value.</param>
    /// <param name="isInside">Whether the first one stands without its '|'.</param>
    public JinjaExpression Filters(JinjaExpression value, bool isInside = false)
    {
        while (isInside || tokens.SkipOperator("|"))
        {
            isInside = false;
            string name = tokens.Expect(JinjaTokenKind.Name, "a filter");
            if (!JinjaFilters.Has(name))
                throw tokens.Error($"the filter {Quoted.Text(name)} is not supported");
            value = new FilterExpression(value, name, tokens.IsOperator("(") ? Arguments() : JinjaArgumentList.None);
        }

        return value;
    }

    private JinjaTarget SingleTarget(bool withAttributes)
    {
        if (tokens.SkipOperator("("))
        {
            using JinjaBudget.Level level = budget.Enter();
            JinjaTarget inner = Target(withAttributes);
            tokens.ExpectOperator(")");
            return inner;
        }

        string name = tokens.Expect(JinjaTokenKind.Name, "a name");
        if (name is "true" or "false" or "none" or "True" or "False" or "None")
            throw tokens.Error($"nothing can be assigned to '{name}'");
        return withAttributes && tokens.SkipOperator(".")
            ? new AttributeTarget(name, tokens.Expect(JinjaTokenKind.Name, "an attribute"))
            : new NameTarget(name);
    }

    private bool IsTupleEnd(string? end) =>
        tokens.Current.Kind is JinjaTokenKind.EndOutput or JinjaTokenKind.EndStatement || tokens.IsOperator(")")
        || (end is not null && tokens.IsName(end));

    private JinjaExpression Or()
    {
        JinjaExpression left = And();
        for (int i = 0; tokens.SkipName("or"); i++)
            left = Chained(new LogicalExpression(left, And(), IsOr: true), i);
        return left;
    }

    private JinjaExpression And()
    {
        JinjaExpression left = Not();
        for (int i = 0; tokens.SkipName("and"); i++)
            left = Chained(new LogicalExpression(left, Not(), IsOr: false), i);
        return left;
    }

    private JinjaExpression Not()
    {
        if (!tokens.SkipName("not"))
            return Comparison();
        using JinjaBudget.Level level = budget.Enter();
        return new NotExpression(Not());
    }

    private JinjaExpression Comparison()
    {
        JinjaExpression first = Sum();
        List<(string Operator, JinjaExpression Right)> rest = [];
        while (true)
        {
            if (tokens.Current.Kind == JinjaTokenKind.Operator && _comparisons.Contains(tokens.Current.Value))
            {
                string comparison = tokens.Next().Value;
                rest.Add((comparison, Sum()));
            }
            else if (tokens.SkipName("in"))
            {
                rest.Add(("in", Sum()));
            }
            else if (tokens.IsName("not") && tokens.Following is { Kind: JinjaTokenKind.Name, Value: "in" })
            {
                tokens.Next();
                tokens.Next();
                rest.Add(("not in", Sum()));
            }
            else
            {
                return rest.Count == 0 ? first : new ComparisonExpression(first, rest);
            }
        }
    }

    private JinjaExpression Sum() => Binary(Concatenation, "+", "-");

    private JinjaExpression Concatenation()
    {
        JinjaExpression first = Product();
        if (!tokens.IsOperator("~"))
            return first;
        List<JinjaExpression> items = [first];
        while (tokens.SkipOperator("~"))
            items.Add(Product());
        return new ConcatenationExpression(items);
    }

    private JinjaExpression Product() => Binary(Power, "*", "/", "//", "%");

    private JinjaExpression Power() => Binary(() => Unary(), "**");

    private JinjaExpression Binary(Func<JinjaExpression> operand, params string[] operators)
    {
        JinjaExpression left = operand();
        for (int i = 0; tokens.Current.Kind == JinjaTokenKind.Operator && operators.Contains(tokens.Current.Value); i++)
        {
            JinjaToken token = tokens.Next();
            left = Chained(new BinaryExpression(token.Value, left, operand()), i);
        }

        return left;
    }

    // What stands side by side is evaluated in each other.
    private JinjaExpression Chained(JinjaExpression expression, int length) => length < JinjaBudget.MaxDepth
        ? expression
        : throw tokens.Error($"more than {JinjaBudget.MaxDepth} operators in a row");

    private JinjaExpression Unary(bool withFilters = true)
    {
        using JinjaBudget.Level level = budget.Enter();
        JinjaExpression value;
        JinjaToken token = tokens.Current;
        if (tokens.SkipOperator("-"))
            value = new SignExpression(Unary(withFilters: false), IsNegative: true);
        else if (tokens.SkipOperator("+"))
            value = new SignExpression(Unary(withFilters: false), IsNegative: false);
        else
            value = Primary();
        value = Postfix(value);
        return withFilters ? FiltersAndTests(value) : value;
    }

    private JinjaExpression Primary()
    {
        JinjaToken token = tokens.Next();
        switch (token.Kind)
        {
            case JinjaTokenKind.Name:
                return token.Value switch
                {
                    "true" or "True" => new ConstantExpression(true),
                    "false" or "False" => new ConstantExpression(false),
                    "none" or "None" => new ConstantExpression(null),
                    _ => new NameExpression(token.Value),
                };
            case JinjaTokenKind.String:
                string text = token.Value;
                while (tokens.Current.Kind == JinjaTokenKind.String)
                    text += tokens.Next().Value;
                return new ConstantExpression(JinjaText.Of(text));
            case JinjaTokenKind.Integer:
                return new ConstantExpression(Whole(token));
            case JinjaTokenKind.Float:
                return new ConstantExpression(double.Parse(token.Value, CultureInfo.InvariantCulture));
            case JinjaTokenKind.Operator when token.Value == "(":
                JinjaExpression inner = Tuple(isInParentheses: true);
                tokens.ExpectOperator(")");
                return inner;
            case JinjaTokenKind.Operator when token.Value == "[":
                return new ListExpression(Items("]", () => Expression()), IsTuple: false);
            case JinjaTokenKind.Operator when token.Value == "{":
                return new DictionaryExpression(Items("}", () =>
                {
                    JinjaExpression key = Expression();
                    tokens.ExpectOperator(":");
                    return (key, Expression());
                }));
            default:
                string found = token.Kind == JinjaTokenKind.Operator ? $"'{token.Value}'" : "the end";
                throw new JinjaException($"{found} where an expression was expected");
        }
    }

    private List<T> Items<T>(string end, Func<T> read)
    {
        List<T> items = [];
        while (!tokens.SkipOperator(end))
        {
            if (items.Count > 0)
            {
                tokens.ExpectOperator(",");
                if (tokens.SkipOperator(end))
                    break;
            }

            items.Add(read());
        }

        return items;
    }

    private JinjaExpression Postfix(JinjaExpression value)
    {
        for (int i = 0; ; i++)
        {
            if (tokens.SkipOperator("."))
                value = Attribute(value);
            else if (tokens.SkipOperator("["))
                value = Subscript(value);
            else if (tokens.IsOperator("("))
                value = new CallExpression(value, Arguments());
            else
                return value;
            Chained(value, i);
        }
    }

    private JinjaExpression FiltersAndTests(JinjaExpression value)
    {
        for (int i = 0; ; i++)
        {
            if (tokens.IsOperator("|"))
                value = Filters(value);
            else if (tokens.SkipName("is"))
                value = Test(value);
            else if (tokens.IsOperator("("))
                value = new CallExpression(value, Arguments());
            else
                return value;
            Chained(value, i);
        }
    }

    private JinjaExpression Attribute(JinjaExpression value)
    {
        JinjaToken token = tokens.Next();
        return token.Kind switch
        {
            JinjaTokenKind.Name => new AttributeExpression(value, token.Value),
            JinjaTokenKind.Integer => new ItemExpression(value, new ConstantExpression(Whole(token))),
            _ => throw new JinjaException($"'{token.Value}' where an attribute was expected", token.Line),
        };
    }

    private static long Whole(JinjaToken token) => long.TryParse(token.Value, CultureInfo.InvariantCulture, out long whole)
        ? whole
        : throw new JinjaException($"the number {Quoted.Text(token.Value)} is too large", token.Line);

    private ItemExpression Subscript(JinjaExpression value)
    {
        JinjaExpression? start = Part();
        if (!tokens.SkipOperator(":"))
        {
            if (start is null)
                throw tokens.Error("an index is missing");
            tokens.ExpectOperator("]");
            return new ItemExpression(value, start);
        }

        JinjaExpression? stop = Part();
        JinjaExpression? step = tokens.SkipOperator(":") ? Part() : null;
        tokens.ExpectOperator("]");
        return new ItemExpression(value, new SliceExpression(start, stop, step));

        JinjaExpression? Part() => tokens.IsOperator(":") || tokens.IsOperator("]") ? null : Expression();
    }

    private JinjaExpression Test(JinjaExpression value)
    {
        bool isNegated = tokens.SkipName("not");
        string name = tokens.Expect(JinjaTokenKind.Name, "a test");
        if (!JinjaTests.Has(name))
            throw tokens.Error($"the test {Quoted.Text(name)} is not supported");
        JinjaArgumentList arguments = JinjaArgumentList.None;
        if (tokens.IsOperator("("))
        {
            arguments = Arguments();
        }
        else if (tokens.Current.Kind is JinjaTokenKind.String or JinjaTokenKind.Integer or JinjaTokenKind.Float
            || (tokens.Current.Kind == JinjaTokenKind.Name && !_endsTest.Contains(tokens.Current.Value))
            || tokens.IsOperator("[") || tokens.IsOperator("{"))
        {
            if (tokens.IsName("is"))
                throw tokens.Error("tests cannot follow each other");
            arguments = new JinjaArgumentList([Postfix(Primary())], [], null, null);
        }

        JinjaExpression test = new TestExpression(value, name, arguments);
        return isNegated ? new NotExpression(test) : test;
    }

    private JinjaArgumentList Arguments()
    {
        using JinjaBudget.Level level = budget.Enter();
        tokens.ExpectOperator("(");
        List<JinjaExpression> positional = [];
        List<(string, JinjaExpression)> named = [];
        JinjaExpression? more = null, moreNamed = null;
        for (bool first = true; !tokens.SkipOperator(")"); first = false)
        {
            if (!first)
            {
                tokens.ExpectOperator(",");
                if (tokens.SkipOperator(")"))
                    break;
            }

            if (tokens.SkipOperator("*"))
            {
                more = Expression();
            }
            else if (tokens.SkipOperator("**"))
            {
                moreNamed = Expression();
            }
            else if (tokens.Current.Kind == JinjaTokenKind.Name && tokens.Following is { Kind: JinjaTokenKind.Operator, Value: "=" })
            {
                string name = tokens.Next().Value;
                tokens.Next();
                named.Add((name, Expression()));
            }
            else
            {
                if (named.Count > 0 || more is not null || moreNamed is not null)
                    throw tokens.Error("an argument without a name follows others");
                positional.Add(Expression());
            }
        }

        return new JinjaArgumentList(positional, named, more, moreNamed);
    }
}
